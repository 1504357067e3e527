package daemon

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// alone is the election of a process without one: it always leads. The claim on the name of the cluster still excludes a second
// process.
type alone struct {
	name    string
	leading atomic.Bool
	log     zerolog.Logger
}

func newAlone(log zerolog.Logger) *alone { return &alone{name: identity(), log: log} }

// errTermOver is the error of a term that ended without one.
var errTermOver = errors.New("the term ended by itself")

func (a *alone) Run(ctx context.Context, lead func(context.Context) error) error {
	return retry(ctx, a.log, "not publishing, trying again", func(ctx context.Context) error {
		a.leading.Store(true)
		defer a.leading.Store(false)
		if err := lead(ctx); err != nil {
			return err
		}
		return errTermOver
	})
}

func (a *alone) Fresh() bool          { return a.leading.Load() }
func (a *alone) IsLeader() bool       { return a.leading.Load() }
func (a *alone) State() error         { return errTermOver }
func (a *alone) Identity() string     { return a.name }
func (a *alone) Stuck() time.Duration { return 0 }
