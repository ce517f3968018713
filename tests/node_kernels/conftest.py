# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / name) for name in ("integration", "cluster")]


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes, and runs with make test-all only")
