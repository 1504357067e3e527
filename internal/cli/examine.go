package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/kube"
	"odasync/internal/ops"
	"odasync/internal/registry"
	v1 "odasync/internal/registry/v1"
	"odasync/internal/stream"
	"odasync/internal/target"
)

// examine runs every check of the configuration in the environment.
func (e *examiner) examine(ctx context.Context) error {
	var (
		cluster kube.Config
		broker  stream.Config
		target  registry.Config
	)
	if _, err := load(ctx, &cluster, &broker, &target); err != nil {
		return err
	}
	e.examineKubernetes(ctx, cluster)
	e.examineNATS(ctx, broker)
	e.examineRegistry(ctx, target)
	return nil
}

func (e *examiner) examineKubernetes(ctx context.Context, cfg kube.Config) {
	const reachable, crd, permissions = "kubernetes", "kubernetes crd", "kubernetes permissions"
	var client *kube.Client
	ok := e.check(ctx, reachable, "check KUBECONFIG or KUBERNETES_IN_CLUSTER, the server's address, its certificate and the token", func(ctx context.Context) (string, error) {
		var err error
		if client, err = kube.NewClient(cfg, ops.Version(), zerolog.Nop()); err != nil {
			return "", err
		}
		version, err := client.ServerVersion(ctx)
		return fmt.Sprintf("%s, version %s", client.Server(), version), err
	})
	if !ok {
		e.skip("Kubernetes cannot be reached", crd, permissions)
		return
	}
	e.check(ctx, crd, "install the ODA Canvas CRDs, or set ODA_COMPONENT_VERSION to a served version", func(ctx context.Context) (string, error) {
		version, err := client.ServedVersion(ctx)
		return "reading version " + version, err
	})
	var granted []kube.Permission
	asked := e.check(ctx, permissions, "the API server must let the user ask for its own permissions (system:basic-user)", func(ctx context.Context) (string, error) {
		var err error
		granted, err = client.Permissions(ctx)
		return fmt.Sprintf("%d asked for", len(granted)), err
	})
	if !asked {
		return
	}
	for _, p := range granted {
		e.check(ctx, "kubernetes permission: "+p.Rule, p.Remedy, func(context.Context) (string, error) {
			if !p.Granted {
				return "", errors.New("not granted")
			}
			return "granted", nil
		})
	}
}

func (e *examiner) examineNATS(ctx context.Context, cfg stream.Config) {
	const reachable, jetstream, topology = "nats", "nats jetstream", "nats topology"
	ctx, cancel := withGiveUp(ctx) // of the checks of NATS alone
	defer cancel()
	var conn *stream.Conn
	ok := e.check(ctx, reachable, "check NATS_URL, NATS_USER, NATS_PASSWORD, NATS_CREDS and the NATS_TLS files, and that the server runs", func(context.Context) (string, error) {
		var err error
		if conn, err = stream.Dial(cfg, ctlName, giveUp(ctx)); err != nil {
			return "", err
		}
		return conn.Server(), nil
	})
	if !ok {
		e.skip("NATS cannot be reached", jetstream, topology)
		return
	}
	defer conn.Close()
	if !e.check(ctx, jetstream, "start nats-server with -js (2.11 or newer) and let the account use JetStream", func(ctx context.Context) (string, error) {
		return "available", reason(ctx, conn.Check(ctx))
	}) {
		e.skip("JetStream is not available", topology)
		return
	}
	e.check(ctx, topology, "start the watcher, which creates the stream, or do what the detail says", func(ctx context.Context) (string, error) {
		log, err := conn.OpenLog(ctx)
		if err != nil {
			return "", reason(ctx, err)
		}
		messages, err := log.Messages(ctx)
		return fmt.Sprintf("stream %s, %d messages", stream.StreamName, messages), reason(ctx, err)
	})
}

func (e *examiner) examineRegistry(ctx context.Context, cfg registry.Config) {
	const reachable, auth, contract = "registry", "registry auth", "registry contract"
	adapter := v1.New(cfg, v1.NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
	defer adapter.Close()
	if !e.check(ctx, reachable, "check COMPONENT_REGISTRY_URL and that the registry runs", func(ctx context.Context) (string, error) {
		return cfg.Address(), adapter.Health(ctx)
	}) {
		e.skip("the registry cannot be reached", auth, contract)
		return
	}
	err := errors.New("not asked")
	accepted := e.check(ctx, auth, "set COMPONENT_REGISTRY_API_KEY (or COMPONENT_REGISTRY_API_KEY_FILE) to the registry's key", func(ctx context.Context) (string, error) {
		err = adapter.Contract(ctx)
		var failure *target.Failure
		if errors.As(err, &failure) && (failure.Status == http.StatusUnauthorized || failure.Status == http.StatusForbidden) {
			return "", err
		}
		return "accepted", nil
	})
	if !accepted {
		e.skip("the registry does not accept the key", contract)
		return
	}
	e.check(ctx, contract, "COMPONENT_REGISTRY_URL must be the base address of a Component Registry with the v1 API", func(context.Context) (string, error) {
		return "labels, registries, components and exposed-apis answer as v1", err
	})
}
