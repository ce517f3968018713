# SPDX-License-Identifier: Apache-2.0
"""Tests of mock-device by its command line, without a lab."""
