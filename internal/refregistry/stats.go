package refregistry

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

func (s *Server) health(*call) (any, error) {
	return healthView{Status: "healthy", Service: serviceName}, nil
}

func (s *Server) stats(c *call) (any, error) {
	out := statsView{Service: serviceInfo{
		Name: serviceName, Version: "1.0.0", Description: "Component Registry with the v1 contract",
	}}
	err := s.store.view(c.ctx, func(t *tables) (err error) {
		count := func(table interface{ count() (int, error) }) int {
			if err != nil {
				return 0
			}
			var n int
			n, err = table.count()
			return n
		}
		out.Canvas = canvasStats{
			Labels: count(t.labels), Registries: count(t.registries),
			Components: count(t.components), APIs: count(t.apis),
		}
		return err
	})
	return out, err
}
