-- probe publishes to the topic of a link, which must be subscribed to on the
-- master itself: what reaches a replica may have gaps.
--
-- KEYS     1 topic
-- ARGV     1 PUBLISH or SPUBLISH
-- RETURNS  ok: how many are subscribed to it here, the history

return answer('ok', pack({text(redis.call(ARGV[1], KEYS[1], '')), history()}))
