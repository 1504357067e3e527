package tmf639

import (
	"errors"
	"net/http"
	"slices"

	"odasync/internal/refregistry/auth"
)

// Authenticate returns the roles of a request, or auth.ErrUnauthenticated.
type Authenticate func(*http.Request) (roles []string, err error)

const (
	resourceList   = "resource.list"
	resourceGet    = "resource.get"
	resourcePost   = "resource.post"
	resourcePatch  = "resource.patch"
	resourceDelete = "resource.delete"
	syncPost       = "sync.post"
	hubList        = "hub.list"
	hubGet         = "hub.get"
	hubPost        = "hub.post"
	hubDelete      = "hub.delete"
)

// permissions are those of the roles; admin has all. The role sync, which
// writes, may not read a single document.
var permissions = map[string][]string{
	"sync":      {resourceList, resourcePost, resourcePatch, resourceDelete, syncPost},
	"query":     {resourceList, hubList, hubGet},
	"ui-viewer": {resourceGet},
	"ui-admin":  {resourceGet, resourceDelete, hubPost, hubDelete},
}

// Roles are the names of all roles.
var Roles = []string{"sync", "query", "ui-viewer", "ui-admin", "admin"}

// MayList reports whether the roles permit a listing.
func MayList(roles []string) bool { return permitted(roles, resourceList) }

func permitted(roles []string, permission string) bool {
	return slices.ContainsFunc(roles, func(role string) bool {
		return role == "admin" || slices.Contains(permissions[role], permission)
	})
}

// authorize checks a request's token before anything of the request but the
// syntax of its body.
func (s *Service) authorize(r *http.Request, permission string) *failure {
	if s.cfg.Authenticate == nil || permission == "" {
		return nil
	}
	switch roles, err := s.cfg.Authenticate(r); {
	case errors.Is(err, auth.ErrUnauthenticated):
		return fail(http.StatusUnauthorized, "Not authenticated")
	case err != nil:
		return uncaught()
	case !permitted(roles, permission):
		return fail(http.StatusForbidden, "User does not have permission: %s", permission)
	}
	return nil
}
