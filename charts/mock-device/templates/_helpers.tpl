{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{- define "mock-device.driverName" -}}
mock-accel.example.com
{{- end }}

{{/* What pods are selected by. Takes the component. A selector can't be changed, so nothing is added. */}}
{{- define "mock-device.selectorLabels" -}}
app.kubernetes.io/name: mock-device
app.kubernetes.io/component: {{ . }}
{{- end }}

{{/* Labels of an object that belongs to no component. Helm itself adds who manages it. */}}
{{- define "mock-device.labels" -}}
app.kubernetes.io/name: mock-device
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "mock-device.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Whether the node agent is the chart's own DaemonSet. */}}
{{- define "mock-device.ownAgent" -}}
{{- if and .Values.draDriver.nodeAgent.enabled (eq .Values.draDriver.nodeAgent.deployedBy "chart") }}true{{ end }}
{{- end }}

{{/* Version of resource.k8s.io. Helm without a cluster claims to have what its own libraries know, of any age, which
may be older than the cluster's or newer; what no cluster serves any more tells. The cluster's version is what counts then. */}}
{{- define "mock-device.resourceApiVersion" -}}
{{- $offline := .Capabilities.APIVersions.Has "extensions/v1beta1" }}
{{- $served := list }}
{{- range list (list "v1" ">=1.34.0-0") (list "v1beta2" ">=1.33.0-0") (list "v1beta1" ">=1.32.0-0")
    (list "v1alpha3" "<1.34.0-0") }}
{{- if and (or $offline ($.Capabilities.APIVersions.Has (printf "resource.k8s.io/%s" (first .))))
    (semverCompare (last .) $.Capabilities.KubeVersion.Version) }}
{{- $served = append $served (first .) }}
{{- end }}
{{- end }}
{{- if .Values.resourceApiVersion -}}
{{ .Values.resourceApiVersion }}
{{- else if $served -}}
{{ first $served }}
{{- else -}}
{{- fail (printf "the cluster (Kubernetes %s) serves no version of resource.k8s.io that mock-device speaks: before 1.34 its API server needs --feature-gates=DynamicResourceAllocation=true and --runtime-config=resource.k8s.io/VERSION=true, where VERSION is v1alpha3 for 1.31, v1beta1 for 1.32 and 1.33" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- end }}

{{/* Variables that the node agent and the controller have both. */}}
{{- define "mock-device.commonEnv" -}}
{{- with .Values.resourceApiVersion }}
- name: RESOURCE_API_VERSION
  value: {{ . }}
{{- end }}
{{- with .Values.draDriver }}
{{- if ne .logLevel "info" }}
- name: LOG_LEVEL
  value: {{ quote .logLevel }}
{{- end }}
{{- if ne (int .kubeApiQps) 100 }}
- name: KUBE_API_QPS
  value: {{ .kubeApiQps | quote }}
{{- end }}
{{- if .attributes.shortNames }}
- name: SHORT_ATTRIBUTE_NAMES
  value: "true"
{{- end }}
{{- if not .attributes.nodepartitionAlias }}
- name: NO_NODEPARTITION_ALIAS
  value: "true"
{{- end }}
{{- if .attributes.dranetAlias }}
- name: DRANET_ALIAS
  value: "true"
{{- end }}
{{- if .attributes.socketAlias }}
- name: SOCKET_ALIAS
  value: "true"
{{- end }}
{{- end }}
{{- end }}

{{/* Variables of the node agent, whoever runs it. */}}
{{- define "mock-device.nodeAgentEnv" -}}
{{- include "mock-device.commonEnv" . }}
{{- with .Values.draDriver.nodeAgent }}
{{- if .vfs }}
- name: VFS
  value: {{ .vfs | quote }}
{{- end }}
{{- if .claimStatus }}
- name: CLAIM_STATUS
  value: "true"
{{- end }}
{{- if not .claimEvents }}
- name: NO_CLAIM_EVENTS
  value: "true"
{{- end }}
{{- if .rollingUpdate }}
- name: ROLLING_UPDATE
  value: "true"
{{- end }}
{{- if not .sharedCounters }}
- name: NO_SHARED_COUNTERS
  value: "true"
{{- end }}
{{- if not .deviceMetadata }}
- name: NO_DEVICE_METADATA
  value: "true"
{{- end }}
{{- if .shortPoolNames }}
- name: SHORT_POOL_NAMES
  value: "true"
{{- end }}
{{- if ne (int .rescanSeconds) 60 }}
- name: RESCAN_SECONDS
  value: {{ .rescanSeconds | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* What both containers have: probes and the ports that they are for. Takes the component's values. */}}
{{- define "mock-device.probes" -}}
ports:
  - name: http
    containerPort: {{ .httpPort }}
readinessProbe:
  httpGet:
    path: /readyz
    port: http
  periodSeconds: 5
livenessProbe:
  grpc:
    port: {{ .healthPort }}
    service: liveness
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- end }}

{{/* Ports that are not the driver's own choice. Takes the component's values. */}}
{{- define "mock-device.portEnv" -}}
{{- if ne (int .httpPort) 8080 }}
- name: HTTP_PORT
  value: {{ .httpPort | quote }}
{{- end }}
{{- if ne (int .healthPort) 51515 }}
- name: HEALTHCHECK_PORT
  value: {{ .healthPort | quote }}
{{- end }}
{{- end }}

{{/* What the scheduler reads. Takes the component's values. */}}
{{- define "mock-device.scheduling" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
