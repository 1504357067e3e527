package natsconn_test

import (
	"testing"

	"odasync/internal/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.VerifyTestMain(m) }
