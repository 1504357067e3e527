package coalesce_test

import (
	"context"
	"fmt"

	"odasync/internal/coalesce"
)

// A newer value replaces the one that waits, and keeps its place in the queue.
func ExampleQueue() {
	ctx := context.Background()
	queue := coalesce.New[string](100, func(a, b int) bool { return a < b })
	for _, version := range []int{1, 3, 2} {
		dropped, replaced, _ := queue.Add(ctx, "catalog", version)
		if replaced {
			fmt.Println("dropped version", dropped)
		}
	}
	_, _, _ = queue.Add(ctx, "orders", 7)
	for range 2 {
		key, version, _ := queue.Get()
		fmt.Println(key, version)
		queue.Done(key)
	}
	queue.Close()
	// Output:
	// dropped version 1
	// dropped version 2
	// catalog 3
	// orders 7
}
