#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Says what an image consists of, as SPDX 2.3 in JSON: Debian's packages whose libraries it holds, whose
archives its programs were linked with, and whose headers they were compiled from.

    scripts/sbom.py NAME PROGRAM...  > NAME.spdx.json

PROGRAMs are in bin/ of the build tree that made them. For another architecture: ARCH, and SYSROOT, a folder of unpacked
packages that they were built with.
"""

import json
import os
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
THIS_ARCHITECTURE = subprocess.run(["dpkg", "--print-architecture"], check=True, text=True,
                                   capture_output=True).stdout.strip()
ARCHITECTURE = os.environ.get("ARCH", THIS_ARCHITECTURE)
SYSROOT = os.environ.get("SYSROOT", "")

# The relation of the image to a package, most binding first; each package gets the first that it has.
SHARED, LINKED, COMPILED = "CONTAINS", "STATIC_LINK", "BUILD_DEPENDENCY_OF"


def lines(*command):
    done = subprocess.run([*map(str, command)], check=True, text=True, capture_output=True)
    return done.stdout.splitlines()


def shared_libraries(program):
    return {SYSROOT + path for path in lines(ROOT / "images" / "libraries", program)}


def archives(build, target):
    """The system's static libraries on the line that linked the target."""
    link = lines("ninja", "-C", build, "-t", "commands", target)[-1]
    compiler = re.search(r"\S+\+\+(?= )", link)[0]
    named = [lines(compiler, f"--sysroot={SYSROOT}", f"-print-file-name={name}")[0]
             for name in re.findall(r"-l:(\S+\.a)", link)]
    return {*re.findall(r"(?:/[^\s,]+)?/usr/[^\s,]+\.a(?![\w.])", link), *named}


def headers(build, target):
    """The system's headers that what the target was linked from was compiled with."""
    made_from = lines("ninja", "-C", build, "-t", "inputs", target)[1:]
    objects = [name for name in made_from if name.endswith(".o")]
    read = {os.path.abspath(build / line.strip())
            for line in lines("ninja", "-C", build, "-t", "deps", *objects) if line.startswith("    ")}
    return {path for path in read if path.startswith(("/usr/", f"{SYSROOT}/usr/"))}


def owners_in(root, paths):
    """Packages of the Debian in a folder that these files of it are of, as {name: version}."""
    database = f"--admindir={root}/var/lib/dpkg"
    found, top = set(), os.path.realpath(root) if root else ""
    # Packages name files by the paths of before /usr was merged, or of after.
    names = {name for path in paths for real in (path, os.path.realpath(root + path).removeprefix(top))
             for name in (real, real.removeprefix("/usr"), f"/usr{real}")}
    done = subprocess.run(["dpkg-query", database, "--search", *sorted(names)], check=False, text=True,
                          capture_output=True)
    for line in done.stdout.splitlines():
        if not line.startswith("diversion by "):
            found |= {name.strip().partition(":")[0] for name in line.rpartition(": ")[0].split(",")}
    if not found:
        return {}
    # The same package of another architecture may be installed beside it.
    shown = lines("dpkg-query", database, "--show", "--showformat=${Package} ${Version}\n", *sorted(found))
    return dict(line.split() for line in shown)


def owners(paths):
    """The same, of the Debian that the image's architecture is of, and else of this computer's."""
    if not SYSROOT:
        return owners_in("", paths)
    inside = {path.removeprefix(SYSROOT) for path in paths if path.startswith(SYSROOT)}
    outside = {path for path in paths if not path.startswith(SYSROOT)}
    return owners_in("", outside) | owners_in(SYSROOT, inside)


def package(name, version, purl):
    return {"SPDXID": f"SPDXRef-{re.sub(r'[^A-Za-z0-9.-]', '-', name)}", "name": name,
            "versionInfo": version, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
            "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION",
            "copyrightText": "NOASSERTION",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                              "referenceLocator": purl}]}


def relation(image, kind, one):
    first, second = (one, image) if kind == COMPILED else (image, one)
    return {"spdxElementId": first["SPDXID"], "relationshipType": kind,
            "relatedSpdxElement": second["SPDXID"]}


def describe(name, programs):
    version = (ROOT / "VERSION").read_text().strip()
    # The same sources give the same document: its time is that of the last commit.
    committed = int(os.environ.get("SOURCE_DATE_EPOCH")
                    or lines("git", "-C", ROOT, "log", "-1", "--format=%ct")[0])
    paths = {SHARED: set(), LINKED: set(), COMPILED: set()}
    for program in programs:
        build = program.parent.parent
        target = program.relative_to(build)
        paths[SHARED] |= shared_libraries(program)
        paths[LINKED] |= archives(build, target)
        paths[COMPILED] |= headers(build, target)

    image = package(name, version, f"pkg:oci/{name}@{version}?arch={ARCHITECTURE}")
    image["licenseDeclared"] = "Apache-2.0"
    packages, relations = [image], [{"spdxElementId": "SPDXRef-DOCUMENT",
                                     "relationshipType": "DESCRIBES",
                                     "relatedSpdxElement": image["SPDXID"]}]
    known = set()
    for kind, files in paths.items():
        for owner, its_version in sorted(owners(files).items()):
            if owner in known:
                continue
            known.add(owner)
            one = package(owner, its_version,
                          f"pkg:deb/debian/{owner}@{its_version}?arch={ARCHITECTURE}")
            packages.append(one)
            relations.append(relation(image, kind, one))
    return {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
            "name": f"{name}-{version}",
            "documentNamespace": f"https://mock-accel.example.com/spdx/{name}-{version}-{ARCHITECTURE}",
            "creationInfo": {"creators": ["Tool: mock-device-sbom"],
                             "created": datetime.fromtimestamp(committed, timezone.utc)
                             .strftime("%Y-%m-%dT%H:%M:%SZ")},
            "packages": packages, "relationships": relations}


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    print(json.dumps(describe(sys.argv[1], [Path(name).resolve() for name in sys.argv[2:]]), indent=1))


if __name__ == "__main__":
    main()
