# SPDX-License-Identifier: Apache-2.0
"""JUnit reports: how the project's own checks say what they did, as test frameworks do."""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass


@dataclass
class Case:
    name: str
    failure: str = ""  # what went wrong; empty: passed


def write(path, suite, cases):
    """Writes one suite of cases to `path`."""
    root = ElementTree.Element("testsuite", name=suite, tests=str(len(cases)),
                               failures=str(sum(1 for case in cases if case.failure)))
    for case in cases:
        element = ElementTree.SubElement(root, "testcase", classname=suite, name=case.name)
        if case.failure:
            ElementTree.SubElement(element, "failure").text = case.failure
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(path, encoding="unicode", xml_declaration=True)


def count(path):
    """(passed, failed, skipped) of a report, or None if it is missing or holds no test."""
    try:
        suites = list(ElementTree.parse(path).getroot().iter("testsuite"))
    except (OSError, ElementTree.ParseError):
        return None
    tests = sum(int(suite.get("tests", 0)) for suite in suites)
    failed = sum(int(suite.get(kind, 0)) for suite in suites for kind in ("failures", "errors"))
    skipped = sum(int(suite.get(kind, 0)) for suite in suites for kind in ("skipped", "disabled"))
    return (tests - failed - skipped, failed, skipped) if tests else None
