package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/event"
	"odasync/internal/natsconn"
)

// checkRegistry returns an error for a consumer of another layout or another registry.
func checkRegistry(have jetstream.ConsumerConfig, target, registryURL string) error {
	if have.Metadata[natsconn.MetaPurpose] != "syncer" || have.Metadata[natsconn.MetaLayout] != natsconn.Layout {
		return fmt.Errorf("consumer %s of stream %s is not this version's (layout %q): remove it with `nats consumer rm %s %s`",
			have.Durable, StreamName, have.Metadata[natsconn.MetaLayout], StreamName, have.Durable)
	}
	if recorded := have.Metadata[metaTarget]; !SameRegistry(recorded, registryURL) {
		return fmt.Errorf("target %q feeds the registry at %s, not %s: give this syncer another SYNC_TARGET "+
			"(what the registry already holds is found and kept)", target, recorded, registryURL)
	}
	return nil
}

// SameRegistry reports whether two addresses without credentials are of one registry, without resolving names: the case of the
// host, a default port and a slash at the end do not matter, nor by which name this machine is addressed.
func SameRegistry(a, b string) bool { return canonicalAddress(a) == canonicalAddress(b) }

func canonicalAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if ip := net.ParseIP(host); ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) { // unspecified: where ctl run listens on every address
		host = "localhost"
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return scheme + "://" + net.JoinHostPort(host, port) + strings.TrimRight(u.EscapedPath(), "/")
}

// CheckRegistry returns the error that [Log.EnsureConsumer] would return for the registry, and creates and changes nothing.
func (l *Log) CheckRegistry(ctx context.Context, target, registryURL string) error {
	consumer, err := l.stream.Consumer(ctx, consumerName(target))
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("target %q has no consumer yet: start a syncer, which creates it", target)
	}
	if err != nil {
		return fmt.Errorf("read the consumer of target %q: %w", target, err)
	}
	return checkRegistry(consumer.CachedInfo().Config, target, registryURL)
}

// Registries returns the address of the registry, without credentials, of every target that a syncer was ever started for.
func (l *Log) Registries(ctx context.Context) (map[string]string, error) {
	consumers := l.stream.ListConsumers(ctx)
	registries := map[string]string{}
	for info := range consumers.Info() {
		token, ok := strings.CutPrefix(info.Name, consumerPrefix)
		if !ok || info.Config.Metadata[natsconn.MetaPurpose] != "syncer" {
			continue
		}
		if target, err := event.ParseToken(token); err == nil {
			registries[target] = info.Config.Metadata[metaTarget]
		}
	}
	if err := consumers.Err(); err != nil {
		return nil, fmt.Errorf("list the targets: %w", err)
	}
	return registries, nil
}
