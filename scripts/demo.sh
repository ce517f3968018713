#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The main job in a few minutes: a cluster of real Kubernetes whose nodes have accelerators, and pods
# that claim them. Can be interrupted at any point and run again; leaves nothing running.
set -eu
cd "$(dirname "$0")/.."

PATH=$PWD/build/release/bin:$PATH
lab=demo
image=build/images/mock-accel-dra-driver.tar
pods='by-memory two-on-one-numa-node one-pf alternatives shared-a shared-b'
# shellcheck source=scripts/demo-common.sh
. scripts/demo-common.sh

kubectl() {
	mock-device kubectl --lab "$lab" -- "$@"
}

# Shows a command as a user would type it, and runs it.
show() {
	printf '$ %s\n' "$*"
	"$@"
}

# The health of its device that a pod's status has.
health() {
	kubectl get pod one-pf -o \
		jsonpath='{.status.containerStatuses[0].allocatedResourcesStatus[0].resources[0].health}'
}

wait_for_health() {
	for _ in $(seq 300); do
		[ "$(health)" = "$1" ] && return
		sleep 0.2
	done
	echo "demo: the pod's device did not become $1" >&2
	exit 1
}

clean_up
title "A cluster: two nodes, six accelerators"
mock-device up --lab "$lab" --nodes 2 --kubernetes 1.36
show mock-device topology --lab "$lab"

title "The DRA driver on its nodes"
images/driver/make build/release/bin/mock-accel-dra-driver "$image"
mock-device load-image --lab "$lab" "$image"
show kubectl apply -k deploy
show kubectl -n mock-device rollout status daemonset/mock-accel-node-agent --timeout=600s
show kubectl get nodes,resourceslices

title "Pods that claim accelerators: docs/examples"
# Those that want something special choose first: there are six devices for all of them.
for example in by-memory two-on-one-numa-node one-pf alternatives shared-claim admin-access; do
	show kubectl apply -f "docs/examples/$example.yaml"
	kubectl wait --for=condition=PodScheduled --all pod --timeout=60s >/dev/null
done
# shellcheck disable=SC2046,SC2086 # one word a pod
kubectl wait --for=condition=Ready $(printf 'pod/%s ' $pods) --timeout=300s >/dev/null
kubectl -n monitoring wait --for=condition=Ready pod/monitor --timeout=300s >/dev/null
show kubectl get pods -o wide
for pod in $pods; do
	show kubectl logs "$pod"
done
show kubectl -n monitoring logs monitor
echo "The devices themselves say the same:"
show mock-device devices --lab "$lab"

title "A fault from the host"
uuid=$(kubectl logs one-pf | cut -d' ' -f3)
device=$(mock-device devices --lab "$lab" | awk -v uuid="$uuid" '$6 == uuid {print $1 "/" $2}')
show mock-device fault --lab "$lab" "$device" degraded
wait_for_health Unhealthy
echo "The pod's status:"
kubectl get pod one-pf -o jsonpath='{.status.containerStatuses[0].allocatedResourcesStatus}' |
	python3 -m json.tool
echo "The scheduler sees a taint on the device:"
kubectl get resourceslices -o jsonpath='{range .items[*].spec.devices[?(@.taints)]}{.name}{" "}{.taints}{"\n"}{end}'
show mock-device heal --lab "$lab" "$device"
wait_for_health Healthy
echo "The pod's device is healthy again."

title "Power off"
mock-device down --lab "$lab"
trap - EXIT

cat <<EOF

That was real Kubernetes on real kernels with real PCI devices. To keep such a cluster:

    export PATH=$PWD/build/release/bin:\$PATH
    mock-device up --nodes 2 --kubernetes 1.36
    mock-device load-image $image
    mock-device kubectl -- apply -k deploy
    mock-device kubectl -- apply -f docs/examples/one-pf.yaml
    mock-device down                     # stop it, leave nothing behind

A machine without Kubernetes: make demo-vm
EOF
