# SPDX-License-Identifier: Apache-2.0
"""Where the programs are, and how long a test waits for them."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(os.environ.get("MOCK_DEVICE_BIN", ROOT / "build" / "release" / "bin"))
MOCK_DEVICE = PROGRAMS / "mock-device"

# Seconds. Ends a hung test; nothing here takes nearly as long.
PATIENCE = 120
