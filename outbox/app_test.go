package outbox_test

func appMain() bool { return false }
