package hotsock

// askedFor names the hook that would be asked after that answer, "" for none. The
// question may be about a storage key.
func (h *Hooks) askedFor(e *Explanation, key bool) string {
	name, set := "", false
	switch e.Action {
	case ActionConnect:
		name, set = "BeforeConnect", h.BeforeConnect != nil
	case ActionRefresh:
		if h.BeforeConnect == nil {
			return ""
		}
		return "BeforeConnect" // whatever becomes of subscriptions
	case ActionSubscribe:
		return h.askedToSubscribe()
	case ActionPublish, ActionEcho, ActionStore, ActionSchedule, ActionSet:
		name, set = "BeforePublish", h.BeforePublish != nil
		if key {
			name, set = "BeforeSetStorage", h.BeforeSetStorage != nil
		}
	case ActionReact:
		name, set = "BeforeReact", h.BeforeReact != nil
	case ActionUpdate:
		name, set = "BeforeUpdate", h.BeforeUpdate != nil
	case ActionDelete:
		name, set = "BeforeDelete", h.BeforeDelete != nil
	}
	switch {
	case e.Code == CodeNotSubscribed:
		return h.askedToSubscribe() // which comes first
	case !e.Allowed || !set:
		return ""
	}
	return name
}

func (h *Hooks) askedToSubscribe() string {
	if h.BeforeSubscribe == nil {
		return ""
	}
	return "BeforeSubscribe"
}
