package check

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/cli/remedy"
	"odasync/internal/registry"
	"odasync/internal/registry/adapter"
)

func (r *run) registry(ctx context.Context) {
	cfg := r.Registry
	const reachable, clock, api, auth, contract = registryName, "registry clock", "registry api", authName, "registry contract"
	var opened adapter.Adapter
	defer func() {
		if opened != nil {
			opened.Close()
		}
	}()
	if !r.check(ctx, reachable, remedy.Registry, func(ctx context.Context) (string, error) {
		var err error
		if opened, err = adapter.Open(ctx, cfg, prometheus.NewRegistry(), zerolog.Nop()); err != nil {
			return "", err
		}
		if err := opened.Health(ctx); err != nil {
			return "", fmt.Errorf("%s: %w", cfg.Address(), err)
		}
		return cfg.Address(), nil
	}) {
		r.skip("the registry is not reachable", clock, api, auth, contract)
		return
	}
	r.check(ctx, clock, clockHint, func(ctx context.Context) (string, error) { return registryClock(ctx, cfg) })
	if !r.check(ctx, api, "set COMPONENT_REGISTRY_API to auto, or to the API of the service", func(ctx context.Context) (string, error) {
		return recognise(ctx, cfg, opened.API())
	}) {
		r.skip("the registry has another API", auth, contract)
		return
	}
	err := errors.New("not checked")
	accepted := r.check(ctx, auth, remedy.RegistryKey, func(ctx context.Context) (string, error) {
		err = opened.Contract(ctx)
		if remedy.RejectsCredentials(err) {
			return "", err
		}
		return "accepted; `ctl registry verify` tests the permissions to write", nil
	})
	if !accepted {
		r.skip("the registry rejects the credentials", contract)
		return
	}
	r.check(ctx, contract, "set COMPONENT_REGISTRY_URL to the base address of a Component Registry with the API "+opened.API(), func(context.Context) (string, error) {
		return "every collection follows " + opened.API(), err
	})
}

// recognise compares what the service says of itself with the API that is used.
func recognise(ctx context.Context, cfg registry.Config, used string) (detail string, err error) {
	found, err := adapter.Recognise(ctx, cfg)
	switch {
	case err != nil: // the API was set, else the registry would not be open
		return fmt.Sprintf("%s, as set; the service is not recognised", used), nil
	case found.API != used:
		return "", fmt.Errorf("the service is a %s registry named %q, COMPONENT_REGISTRY_API is %s", found.API, found.Name, used)
	case found.Version != "":
		return fmt.Sprintf("%s, version %s, named %q", found.API, found.Version, found.Name), nil
	}
	return fmt.Sprintf("%s, named %q", found.API, found.Name), nil
}
