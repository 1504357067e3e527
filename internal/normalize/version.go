package normalize

// Versions are the API versions that Component reads, the preferred one first.
var Versions = []string{"v1", "v1beta4", "v1beta3", "v1beta2"}
