package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"odasync/internal/event"
)

// ErrNoWatcher says that nobody answers for a cluster.
var ErrNoWatcher = errors.New("no watcher leads the cluster")

// controlVersion is the version of the requests and answers, as the micro service announces it.
const controlVersion = "1.0.0"

// VerifyRequest asks a cluster's leader to publish components again as they are, so that the syncers compare the
// registry with them. Without a name it means every component, or every one of the namespace.
type VerifyRequest struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
}

// VerifyAnswer is what the leader did.
type VerifyAnswer struct {
	// Published counts the messages.
	Published int `json:"published"`
	// Error is empty when all went well.
	Error string `json:"error,omitempty"`
}

// ServeVerify answers VerifyRequests for a cluster until stop is called. One request is worked on at a time.
func (c *Conn) ServeVerify(ctx context.Context, cluster string, verify func(ctx context.Context, namespace, name string) (int, error)) (stop func(), err error) {
	service, err := micro.AddService(c.nc, micro.Config{
		Name: "odasync-leader", Version: controlVersion, Description: "Leads cluster " + cluster,
		Metadata: map[string]string{"cluster": cluster},
	})
	if err != nil {
		return nil, fmt.Errorf("offer the watcher's service: %w", err)
	}
	stop = func() { _ = service.Stop() } // the connection ends it too
	err = service.AddEndpoint("verify", micro.HandlerFunc(func(r micro.Request) {
		var request VerifyRequest
		var answer VerifyAnswer
		err := json.Unmarshal(r.Data(), &request)
		if err == nil {
			answer.Published, err = verify(ctx, request.Namespace, request.Name)
		}
		if err != nil {
			answer.Error = err.Error()
		}
		_ = r.RespondJSON(answer) // who asked will see a time-out
	}), micro.WithEndpointSubject(event.ControlSubject(cluster, "verify")))
	if err != nil {
		stop()
		return nil, fmt.Errorf("offer the watcher's service: %w", err)
	}
	return stop, nil
}

// Verify sends the request to the cluster's leader and waits for its answer. It returns ErrNoWatcher where nobody is
// there to answer.
func (c *Conn) Verify(ctx context.Context, cluster string, request VerifyRequest) (VerifyAnswer, error) {
	var answer VerifyAnswer
	data, err := json.Marshal(request)
	if err != nil {
		return answer, fmt.Errorf("ask the watcher: %w", err)
	}
	reply, err := c.nc.RequestWithContext(ctx, event.ControlSubject(cluster, "verify"), data)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return answer, ErrNoWatcher
	case err != nil:
		return answer, fmt.Errorf("ask the watcher: %w", err)
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return answer, fmt.Errorf("ask the watcher: its answer: %w", err)
	}
	return answer, nil
}
