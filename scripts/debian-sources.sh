#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints where this computer's own apt takes Debian 12 from, as mmdebstrap wants it. Nothing, where it is
# no Debian 12: mmdebstrap then takes those that it knows.
# shellcheck disable=SC2016 # apt fills these in
apt-get indextargets --format 'deb $(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
	grep ' bookworm' | sort -u
