package faults

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// step is one fault of a schedule.
type step struct {
	kind   string
	target int           // selects one of several processes, and the components that a fault of the registry affects
	pause  time.Duration // before it
	lasts  time.Duration
}

func (s step) String() string {
	return fmt.Sprintf("%5.1fs  %s (%d) for %.1fs", s.pause.Seconds(), s.kind, s.target, s.lasts.Seconds())
}

// Faults of processes and servers.
const (
	killLeader   = "SIGKILL of the leading watcher"
	killStandby  = "SIGKILL of the standby watcher"
	killSyncer   = "SIGKILL of a syncer"
	freezeLeader = "SIGSTOP of the leading watcher"
	freezeSyncer = "SIGSTOP of a syncer"
	freezeNATS   = "SIGSTOP of a nats-server"
	killNATS     = "SIGKILL of a nats-server"
	restartNATS  = "restart of NATS"
	compactAPI   = "API server restart with compaction"
)

// Faults of the registry. In addition, 2% of its connections are reset all the time.
const (
	unavailable  = "registry 503"
	tooMany      = "registry 429 with Retry-After"
	hanging      = "registry hangs"
	unauthorized = "registry 401"
)

// plan is the schedule of one run: two sequences of faults that run concurrently.
type plan struct {
	processes, registry []step
}

func (p plan) String() string {
	var text strings.Builder
	for _, sequence := range []struct {
		name  string
		steps []step
	}{{"processes", p.processes}, {"registry", p.registry}} {
		fmt.Fprintf(&text, "faults of %s, each after a pause:\n", sequence.name)
		for _, s := range sequence.steps {
			fmt.Fprintf(&text, "  %s\n", s)
		}
	}
	return text.String()
}

func (p plan) freezes() bool {
	return slices.ContainsFunc(p.processes, func(s step) bool { return strings.HasPrefix(s.kind, "SIGSTOP") })
}

// spread is a range of durations to choose from at random.
type spread struct{ least, most time.Duration }

func (s spread) draw(random *rand.Rand) time.Duration {
	return s.least + time.Duration(random.Int64N(int64(s.most-s.least)+1)).Truncate(100*time.Millisecond)
}

// frozen is above the claim's time to live (6 s) and the lease's duration (5 s).
var frozen = spread{8 * time.Second, 9 * time.Second}

// newPlan chooses rounds of faults, with each kind once a round, until they fill the duration. Without a duration it is one round
// with short pauses.
func newPlan(seed uint64, duration time.Duration, withFreezes bool) plan {
	random := rand.New(rand.NewPCG(seed, 1))
	moment := spread{0, 2 * time.Second}
	processes := map[string]spread{
		killLeader: moment, killStandby: moment, killSyncer: moment,
		killNATS: {time.Second, 3 * time.Second}, restartNATS: moment, compactAPI: {},
	}
	if withFreezes {
		processes[freezeLeader], processes[freezeSyncer], processes[freezeNATS] = frozen, frozen, frozen
	}
	pause := spread{500 * time.Millisecond, 1500 * time.Millisecond}
	registry := map[string]spread{
		unavailable: {4 * time.Second, 5 * time.Second}, tooMany: {3 * time.Second, 4 * time.Second},
		hanging: {5 * time.Second, 6 * time.Second}, unauthorized: {3 * time.Second, 4 * time.Second},
	}
	calm := spread{4 * time.Second, 5 * time.Second}
	if duration > 0 {
		pause, calm = spread{2 * time.Second, 10 * time.Second}, spread{15 * time.Second, 30 * time.Second}
		processes[killNATS] = spread{time.Second, 20 * time.Second}
		registry[unavailable] = spread{time.Minute, time.Minute}
		for _, kind := range []string{tooMany, hanging, unauthorized} {
			registry[kind] = spread{10 * time.Second, 20 * time.Second}
		}
	}
	return plan{sequence(random, processes, pause, duration), sequence(random, registry, calm, duration)}
}

// sequence chooses the faults of one of a plan's sequences.
func sequence(random *rand.Rand, kinds map[string]spread, pause spread, duration time.Duration) (steps []step) {
	names := make([]string, 0, len(kinds))
	for name := range kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	for total := time.Duration(0); ; {
		random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		for _, name := range names {
			s := step{kind: name, target: random.IntN(12), pause: pause.draw(random), lasts: kinds[name].draw(random)}
			total += s.pause + s.lasts
			if duration > 0 && total > duration {
				return steps
			}
			steps = append(steps, s)
		}
		if duration == 0 {
			return steps
		}
	}
}

// TestPlan_SameSeedSamePlan checks that a plan depends on the seed alone and has every kind of fault.
func TestPlan_SameSeedSamePlan(t *testing.T) {
	t.Parallel()
	one, again, other := newPlan(1, 0, true), newPlan(1, 0, true), newPlan(2, 0, true)
	if one.String() != again.String() {
		t.Error("one seed gives two plans")
	}
	if one.String() == other.String() {
		t.Error("two seeds give one plan")
	}
	for _, kind := range []string{
		killLeader, killStandby, killSyncer, freezeLeader, freezeSyncer, freezeNATS, killNATS, restartNATS, compactAPI,
		unavailable, tooMany, hanging, unauthorized,
	} {
		for name, p := range map[string]plan{"the dense plan": one, "a long plan": newPlan(1, 10*time.Minute, true)} {
			if !strings.Contains(p.String(), kind) {
				t.Errorf("%s has no %s:\n%s", name, kind, p)
			}
		}
	}
	if newPlan(1, 0, false).freezes() || !one.freezes() {
		t.Error("freezes do not follow the setting")
	}
}
