package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"
)

// Replay is what `ctl replay` prints in the end. The shape is stable; see docs/api.md.
type Replay struct {
	Plan ReplayPlan `json:"plan"`
	// Complete says that every state had an outcome.
	Complete bool `json:"complete"`
	// Applied states are in the registry now: Changed of them by writes, Unchanged as they stood there already.
	Applied   int `json:"applied"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	// Failed states are those that the registry does not take.
	Failed int `json:"failed"`
	// Writes counts the requests that changed something.
	Writes   int             `json:"writes"`
	Seconds  float64         `json:"seconds"`
	Rate     float64         `json:"rate"` // states a second
	Failures []ReplayFailure `json:"failures"`
}

// ReplayFailure is a state that the registry does not take, and its words.
type ReplayFailure struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Sequence  uint64 `json:"sequence"`
	Error     string `json:"error"`
}

func printPlan(c *cli.Context, plan ReplayPlan) error {
	if done, err := printAs(c.App.Writer, c.String("output"), plan); done {
		return err
	}
	return table(c.App.Writer, []string{"REGISTRY", "COMPONENTS", "UPSERTS", "DELETIONS", "UNREADABLE", "EVENTS", "DONE", "FIRST", "LAST"}, [][]string{{
		plan.Registry, strconv.Itoa(plan.Components), strconv.Itoa(plan.Upserts), strconv.Itoa(plan.Deletions),
		strconv.Itoa(plan.Unreadable), strconv.Itoa(plan.Events), strconv.Itoa(plan.Done), plan.First.String(), plan.Last.String(),
	}})
}

func (m *ReplayMark) String() string {
	switch {
	case m == nil:
		return "-"
	case m.Seen.IsZero():
		return strconv.FormatUint(m.Sequence, 10)
	}
	return fmt.Sprintf("%d (%s)", m.Sequence, m.Seen.Local().Format(time.DateTime))
}

func printReplay(c *cli.Context, result Replay) error {
	if done, err := printAs(c.App.Writer, c.String("output"), result); done {
		return err
	}
	return table(c.App.Writer, []string{"REGISTRY", "APPLIED", "CHANGED", "UNCHANGED", "FAILED", "WRITES", "SECONDS", "RATE"}, [][]string{{
		result.Plan.Registry, strconv.Itoa(result.Applied), strconv.Itoa(result.Changed), strconv.Itoa(result.Unchanged),
		strconv.Itoa(result.Failed), strconv.Itoa(result.Writes), fmt.Sprintf("%.1f", result.Seconds), fmt.Sprintf("%.1f/s", result.Rate),
	}})
}
