package storeredis

// A topicState is what is known of one topic of a link.
type topicState struct {
	wanted bool
	// sent is true if the last command sent for it was to subscribe.
	sent bool
	// pending counts subscriptions sent and not confirmed.
	pending int
}

func (l *pubsubLink) add(topic string) { l.want(topic, true) }

// drop unsubscribes from a topic.
func (l *pubsubLink) drop(topic string) { l.want(topic, false) }

func (l *pubsubLink) want(topic string, wanted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.topics[topic]
	if t == nil {
		if !wanted {
			return
		}
		t = &topicState{}
		l.topics[topic] = t
	}
	t.wanted = wanted
	if wanted && t.sent && t.pending <= 0 {
		// It was dropped a moment ago, and is subscribed to still.
		l.f.n.goRun(func() { l.f.confirmed(topic) })
		return
	}
	l.changed = append(l.changed, topic)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *pubsubLink) has(topic string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.topics[topic]
	return t != nil && t.wanted
}

// reset subscribes to every topic again.
func (l *pubsubLink) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed = l.changed[:0]
	l.topics[l.probe] = &topicState{wanted: true}
	for topic, t := range l.topics {
		if !t.wanted {
			delete(l.topics, topic)
			continue
		}
		t.sent, t.pending = false, 0
		l.changed = append(l.changed, topic)
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// takeChanges returns what to subscribe to and to unsubscribe from now.
func (l *pubsubLink) takeChanges() (subscribe, unsubscribe []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, topic := range l.changed {
		t := l.topics[topic]
		switch {
		case t == nil || t.wanted == t.sent:
		case t.wanted:
			t.sent = true
			t.pending++
			subscribe = append(subscribe, topic)
		default:
			t.sent = false
			unsubscribe = append(unsubscribe, topic)
		}
		l.forget(topic)
	}
	l.changed = nil
	return subscribe, unsubscribe
}

// confirm notes a confirmation, and reports whether the topic is subscribed to.
func (l *pubsubLink) confirm(topic string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.topics[topic]
	if t == nil {
		return false
	}
	t.pending--
	l.forget(topic)
	return t.pending <= 0 && t.sent
}

// forget drops what is known of a topic that is of no use any more. l.mu is
// held.
func (l *pubsubLink) forget(topic string) {
	if t := l.topics[topic]; t != nil && !t.wanted && !t.sent && t.pending <= 0 {
		delete(l.topics, topic)
	}
}

func (l *pubsubLink) isSent(topic string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.topics[topic]
	return t != nil && t.sent && t.pending <= 0
}
