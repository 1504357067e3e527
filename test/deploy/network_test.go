package deploy

import (
	"maps"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// Peers other than odasync's Pods.
const (
	elsewhere  = "elsewhere" // a Pod of another program, or an address outside the cluster
	prometheus = "prometheus"
	keda       = "keda-operator"
)

// foreign are the labels of these Pods.
var foreign = map[string]map[string]string{
	elsewhere: {"app": elsewhere}, prometheus: {"app.kubernetes.io/name": prometheus}, keda: {"app": keda},
}

// TestNetworkPolicies evaluates the policies: which Pods may connect to which at which port.
func TestNetworkPolicies(t *testing.T) {
	one, three, tools := set(), set("nats.replicas=3"), set("toolbox.enabled=true")
	for name, test := range map[string]struct {
		values   []string
		from, to string
		port     int32
		want     bool
	}{
		"the watcher to the API server":          {one, "watcher", elsewhere, 6443, true},
		"the watcher to DNS":                     {one, "watcher", elsewhere, 53, true},
		"the watcher to NATS":                    {one, "watcher", "nats", 4222, true},
		"the watcher to NATS' monitoring":        {one, "watcher", "nats", 8222, false},
		"the watcher to the registry":            {one, "watcher", elsewhere, 8000, false},
		"the watcher to another's NATS":          {one, "watcher", elsewhere, 4222, false},
		"the watcher to the syncer":              {one, "watcher", "syncer", 8080, false},
		"the syncer to the registry":             {one, "syncer", elsewhere, 8000, true},
		"the syncer to DNS":                      {one, "syncer", elsewhere, 53, true},
		"the syncer to NATS":                     {one, "syncer", "nats", 4222, true},
		"the syncer to the API server":           {one, "syncer", elsewhere, 6443, false},
		"any Pod to the metrics of the watcher":  {one, elsewhere, "watcher", 8080, false},
		"any Pod to the metrics of the syncer":   {one, elsewhere, "syncer", 8080, false},
		"Prometheus to the watcher":              {one, prometheus, "watcher", 8080, true},
		"Prometheus to the syncer":               {one, prometheus, "syncer", 8080, true},
		"Prometheus to another port":             {one, prometheus, "syncer", 6060, false},
		"Prometheus to no exporter":              {one, prometheus, "nats", 7777, false},
		"Prometheus to the exporter":             {set("nats.exporter.enabled=true"), prometheus, "nats", 7777, true},
		"any Pod to the exporter":                {set("nats.exporter.enabled=true"), elsewhere, "nats", 7777, false},
		"KEDA without its objects":               {one, keda, "syncer", 8080, false},
		"KEDA to the syncer":                     {set("syncer.autoscaling.type=keda"), keda, "syncer", 8080, true},
		"KEDA to the watcher":                    {set("syncer.autoscaling.type=keda"), keda, "watcher", 8080, false},
		"any Pod to NATS' monitoring":            {one, elsewhere, "nats", 8222, false},
		"Prometheus to NATS' monitoring":         {one, prometheus, "nats", 8222, false},
		"the toolbox to NATS":                    {tools, "toolbox", "nats", 4222, true},
		"the toolbox to the registry":            {tools, "toolbox", elsewhere, 8000, true},
		"the toolbox to the API server":          {tools, "toolbox", elsewhere, 6443, true},
		"the toolbox to another port":            {tools, "toolbox", elsewhere, 5432, false},
		"any Pod to the toolbox":                 {tools, elsewhere, "toolbox", 8080, false},
		"a scrape that none is allowed":          {set("networkPolicy.monitoringFrom=null"), prometheus, "syncer", 8080, false},
		"another client to NATS":                 {one, elsewhere, "nats", 4222, false},
		"another client that is let in":          {set("networkPolicy.nats.clients[0].podSelector.matchLabels.app=" + elsewhere), elsewhere, "nats", 4222, true},
		"one NATS server to DNS":                 {one, "nats", elsewhere, 53, false},
		"one NATS server to another":             {one, "nats", "nats", 6222, false},
		"three NATS servers to each other":       {three, "nats", "nats", 6222, true},
		"three NATS servers to DNS":              {three, "nats", elsewhere, 53, true},
		"three NATS servers to others":           {three, "nats", elsewhere, 443, false},
		"the watcher to a route of NATS":         {three, "watcher", "nats", 6222, false},
		"the watcher to a NATS of one's own":     {set("nats.url=tls://nats.example:4333"), "watcher", elsewhere, 4333, true},
		"the watcher to an unnamed port of NATS": {set("nats.url=tls://nats.example:4333"), "watcher", elsewhere, 4222, false},
	} {
		t.Run(name, func(t *testing.T) {
			all := render(t, chart(), test.values...)
			out, in := true, true
			if foreign[test.from] == nil {
				out = allows(t, all, test.from, test.to, test.port, egress)
			}
			if foreign[test.to] == nil {
				in = allows(t, all, test.to, test.from, test.port, ingress)
			}
			if got := out && in; got != test.want {
				t.Errorf("%s to %s at %d: allowed: %v (out %v, in %v)", test.from, test.to, test.port, got, out, in)
			}
		})
	}
}

// rule has the common fields of ingress and egress rules.
type rule struct {
	peers []networkingv1.NetworkPolicyPeer
	ports []networkingv1.NetworkPolicyPort
}

func egress(spec networkingv1.NetworkPolicySpec) (networkingv1.PolicyType, []rule) {
	var rules []rule
	for _, r := range spec.Egress {
		rules = append(rules, rule{r.To, r.Ports})
	}
	return networkingv1.PolicyTypeEgress, rules
}

func ingress(spec networkingv1.NetworkPolicySpec) (networkingv1.PolicyType, []rule) {
	var rules []rule
	for _, r := range spec.Ingress {
		rules = append(rules, rule{r.From, r.Ports})
	}
	return networkingv1.PolicyTypeIngress, rules
}

// allows reports whether the policies for a process's Pods allow a peer in one direction. Pods without a policy are open, so there
// must be at least one.
func allows(t *testing.T, all objects, process, peer string, port int32, direction func(networkingv1.NetworkPolicySpec) (networkingv1.PolicyType, []rule)) bool {
	t.Helper()
	selected, allowed := false, false
	for _, object := range all {
		if object.GetKind() != "NetworkPolicy" {
			continue
		}
		var policy networkingv1.NetworkPolicy
		must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &policy))
		kind, rules := direction(policy.Spec)
		if !selects(t, &policy.Spec.PodSelector, podLabels(t, all, process)) || !slices.Contains(policy.Spec.PolicyTypes, kind) {
			continue
		}
		selected = true
		for _, r := range rules {
			atPort := len(r.ports) == 0 || slices.ContainsFunc(r.ports, func(p networkingv1.NetworkPolicyPort) bool {
				return p.Port.IntVal == port && (p.Protocol == nil || *p.Protocol == "TCP")
			})
			ofPeer := len(r.peers) == 0 || slices.ContainsFunc(r.peers, func(p networkingv1.NetworkPolicyPeer) bool {
				// Prometheus and KEDA are in namespaces of their own, without labels; the others beside odasync.
				there := p.NamespaceSelector == nil && peer != prometheus && peer != keda || p.NamespaceSelector != nil && selects(t, p.NamespaceSelector, nil)
				return p.PodSelector != nil && there && selects(t, p.PodSelector, podLabels(t, all, peer))
			})
			allowed = allowed || atPort && ofPeer
		}
	}
	if !selected {
		t.Errorf("no policy selects %s", process)
	}
	return allowed
}

func selects(t *testing.T, selector *metav1.LabelSelector, of map[string]string) bool {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	must(t, err)
	return s.Matches(labels.Set(of))
}

// podLabels are the labels of a process's Pods, from its workload.
func podLabels(t *testing.T, all objects, process string) map[string]string {
	t.Helper()
	if labels := foreign[process]; labels != nil {
		return labels
	}
	if process == "nats" {
		return maps.Clone(all.pod(t, "StatefulSet odasync-nats").Labels)
	}
	return maps.Clone(all.pod(t, "Deployment odasync-"+process).Labels)
}
