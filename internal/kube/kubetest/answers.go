package kubetest

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// CRDUID is that of every CRD.
const CRDUID = "0f2a5d0e-3c1f-4a53-8f5c-0e8a8f6f3a11"

// Serves answers with a CRD that serves the versions.
func Serves(versions ...string) Answer {
	var list []map[string]any
	for _, version := range versions {
		list = append(list, map[string]any{"name": version, "served": true})
	}
	list = append(list, map[string]any{"name": "v0", "served": false})
	return Body(map[string]any{
		"kind": "CustomResourceDefinition", "metadata": map[string]any{"uid": CRDUID}, "spec": map[string]any{"versions": list},
	})
}

// Body answers with an object.
func Body(object any) Answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(object)
	}
}

// Refuses answers with a Status, as an API server does.
func Refuses(code int, reason, message string) Answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "1") // which client-go would wait for
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(Status(code, reason, message))
	}
}

// Status is the object of an error.
func Status(code int, reason, message string) map[string]any {
	return map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message}
}

// Pages answers with one page of a list.
func Pages(version, token string, items ...map[string]any) Answer {
	return Body(map[string]any{"kind": "ComponentList", "items": items, "metadata": map[string]any{"resourceVersion": version, "continue": token}})
}

// Object is a Component.
func Object(namespace, name, version string) map[string]any {
	return map[string]any{
		"apiVersion": "oda.tmforum.org/v1", "kind": "Component",
		"metadata": map[string]any{"namespace": namespace, "name": name, "uid": "uid-" + name, "resourceVersion": version},
		"spec":     map[string]any{"componentMetadata": map[string]any{"version": "1.0.0"}},
	}
}

// InParts sends the parts of an answer with a pause before each.
func InParts(w http.ResponseWriter, r *http.Request, text []byte, parts int, pause time.Duration) {
	for part := range slices.Chunk(text, len(text)/parts+1) {
		select {
		case <-time.After(pause):
		case <-r.Context().Done():
		}
		_, _ = w.Write(part)
		_ = http.NewResponseController(w).Flush()
	}
}
