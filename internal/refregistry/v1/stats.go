package v1

const serviceName = "odasync reference registry"

type healthView struct {
	Status  string `json:"status"`
	Service string `json:"service"`
}

type statsView struct {
	Canvas  canvasStats `json:"oda_canvas"`
	Service serviceInfo `json:"service_info"`
}

type canvasStats struct {
	Labels     int `json:"total_labels"`
	Registries int `json:"total_registries"`
	Components int `json:"total_components"`
	APIs       int `json:"total_exposed_apis"`
}

type serviceInfo struct {
	Name        string `json:"name"`
	Version     string `json:"version"`
	Description string `json:"description"`
}

func (s *Service) health(*call) (any, *failure) {
	return healthView{Status: "healthy", Service: serviceName}, nil
}

func (s *Service) stats(*call) (any, *failure) {
	out := statsView{Service: serviceInfo{
		Name: serviceName, Version: "1.0.0", Description: "Component Registry with the v1 contract",
	}}
	s.store.View(func(t *Tables) {
		out.Canvas = canvasStats{
			Labels: t.Labels.Count(), Registries: t.Registries.Count(),
			Components: t.Components.Count(), APIs: t.APIs.Count(),
		}
	})
	return out, nil
}
