package adapter

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"odasync/internal/registry"
	"odasync/internal/target"
)

// Found is what a service says that it is.
type Found struct {
	API     string // as in COMPONENT_REGISTRY_API
	Version string // empty where the API does not tell
	Name    string // its own
}

// serviceV2 is how a v2 registry calls itself. It has the paths of a tmf639 registry too, and was never released.
const serviceV2 = "component-registry-service"

// Recognise asks the service at the configured URL what it is. A service that is no registry odasync can write to is refused
// with what it answered and the variable to set. Its error is a [*target.Failure], of ClassUnauthorized if the service is
// refused and of ClassUnavailable if it cannot answer now; or the context's error.
func Recognise(ctx context.Context, cfg registry.Config) (Found, error) {
	asking := newAsker(cfg)
	defer asking.close()
	seen, err := asking.ask(ctx, "/health")
	if err != nil {
		return Found{}, fmt.Errorf("recognise the registry at %s: %w", cfg.Address(), err)
	}
	if seen.unavailable() {
		failure := &target.Failure{Class: target.ClassUnavailable, Request: seen.question, Status: seen.status, Detail: seen.words()}
		return Found{}, fmt.Errorf("recognise the registry at %s: %w", cfg.Address(), failure)
	}
	found, problem := asking.judge(ctx, seen)
	if problem != "" {
		return Found{}, fmt.Errorf("recognise the registry at %s: %w", cfg.Address(), &target.Failure{
			Class: target.ClassUnauthorized, Request: seen.question, Status: seen.status, Detail: seen.content() + problem,
		})
	}
	return found, nil
}

// judge returns what the answer of GET /health shows, or why the service is refused and what to set.
func (a *asker) judge(ctx context.Context, health answer) (Found, string) {
	found, known := healthy(health)
	switch {
	case known && found.API == "":
		return found, "this is a v2 Component Registry, which odasync does not support: set COMPONENT_REGISTRY_URL to a v1 or TMF639 registry"
	case known && found.API == registry.APITMF639 && !strings.HasPrefix(found.Version, "5."):
		return found, fmt.Sprintf("odasync supports version 5 of TMF639, this is %q: set COMPONENT_REGISTRY_API=tmf639 to try all the same", found.Version)
	case known && found.API == registry.APIV1 && !a.hasLabels(ctx):
		return found, "it calls itself a service, but has no /labels/ as a v1 registry: " + remedy
	case known:
		return found, ""
	case health.status == http.StatusUnauthorized, health.status == http.StatusForbidden:
		return found, "the health of a registry needs no credentials, so this may be a proxy: set COMPONENT_REGISTRY_API to v1 or tmf639"
	case health.status >= 300 && health.status < 400:
		return found, "set COMPONENT_REGISTRY_URL to the address that answers without a redirect"
	}
	if a.base.Path != "" {
		if at, err := a.askRoot(ctx, "/health"); err == nil {
			if root, known := healthy(at); known && root.API != "" {
				return found, fmt.Sprintf("a %s registry answers without the path %s: set COMPONENT_REGISTRY_URL to %s", root.API, a.base.Path, a.root())
			}
		}
	}
	if health.status == http.StatusNotFound && a.saysHello(ctx) {
		return found, "this is the Canvas's read-only resource inventory, which takes no writes: set COMPONENT_REGISTRY_URL to the Canvas's Component Registry"
	}
	return found, remedy
}

const remedy = "set COMPONENT_REGISTRY_URL to the base address of a v1 or TMF639 Component Registry, or COMPONENT_REGISTRY_API to v1 or tmf639 if this is one"

// healthy reads the health of a registry; its API is empty for v2.
func healthy(health answer) (found Found, known bool) {
	fields := health.object()
	service, _ := fields["service"].(string)
	name, named := fields["Name"].(string)
	version, _ := fields["version"].(string)
	switch {
	case service == serviceV2:
		return Found{Version: version, Name: service}, true
	case service != "":
		return Found{API: registry.APIV1, Version: version, Name: service}, true
	case named:
		return Found{API: registry.APITMF639, Version: version, Name: name}, true
	}
	return Found{}, false
}

// hasLabels reports whether the service may have the first collection of a v1 registry. Only that it has none is certain:
// with a health of that form it may be any service.
func (a *asker) hasLabels(ctx context.Context) bool {
	seen, err := a.get(ctx, a.base.JoinPath("/labels/"), "")
	return err != nil || seen.status != http.StatusNotFound
}

// saysHello recognises the Canvas's resource inventory, which has no health. POST would show that it is read-only, but is not
// harmless elsewhere.
func (a *asker) saysHello(ctx context.Context) bool {
	if hello, err := a.ask(ctx, "/hello"); err == nil && hello.text() {
		return true
	}
	hello, err := a.askRoot(ctx, "/hello")
	return err == nil && hello.text()
}
