package storeredis

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// A declaredHook makes scripts fail that touch a key which they do not declare:
// proxies and servers of other makers may refuse that, and Redis does not.
type declaredHook struct{}

const declared = `
local real, declared = redis, {}
-- Of those that hold what an incarnation has, one is declared, and others differ
-- in the incarnation alone: see seek in presence.lua.
local function kind(key)
  return string.match(key, '^(.*:s:.*:)') or string.match(key, '^(.*:owned:)') or key
end
for _, key in ipairs(KEYS) do
  declared[kind(key)] = true
end
local none = {TIME = true, INFO = true, PUBLISH = true, SPUBLISH = true}
local function check(command, ...)
  local keys = {...}
  for i = 1, none[command] and 0 or command == 'EXISTS' and #keys or 1 do
    assert(declared[kind(keys[i])], 'undeclared key ' .. tostring(keys[i]) .. ' of ' .. command)
  end
end
local redis = {sha1hex = real.sha1hex, acl_check_cmd = real.acl_check_cmd}
function redis.call(...)
  check(...)
  return real.call(...)
end
function redis.pcall(...)
  check(...)
  return real.pcall(...)
end
`

func (declaredHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (declaredHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		guard(cmd)
		return next(ctx, cmd)
	}
}

func (declaredHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			guard(cmd)
		}
		return next(ctx, cmds)
	}
}

// guard puts the check in front of a script. What is known by its digest was sent
// so before: the server knows it by another one, and asks for it each time.
func guard(cmd redis.Cmder) {
	if args := cmd.Args(); cmd.Name() == "eval" {
		args[1] = declared + args[1].(string)
	}
}
