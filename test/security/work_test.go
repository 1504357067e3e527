package security

import (
	"testing"

	"odasync/test/lab"
)

func TestTrace(t *testing.T) {
	const namespace = "security-work"
	l := lab.Bare(t, shared, namespace)
	a := newAuthority(t)
	a.server()
	a.start(l)
	w := l.Start(l.WatcherSpec("watcher", a.clientEnv(l.NATSURL, "watcher")))
	s := l.Start(l.SyncerSpec("syncer", a.clientEnv(l.NATSURL, "syncer")))
	l.Apply(lab.Component(namespace, "one", "1", "first"))
	l.Ready(w, s)
	l.Equal(lab.Patience)
	t.Log(l.NATS[0].Tail(20000))
}
