--- @include "@darkroom/redis/scripts/now"
-- What the scripts that change an API key share. Each may be repeated after a lost answer: the second call changes nothing.
--   KEYS[1] key  KEYS[2] keys by their latest change  KEYS[3] number of changes  KEYS[4] names
--   ARGV[1] id

-- Whether the key exists. What is left of a deleted key has no hash.
local function exists()
  return redis.call('HEXISTS', KEYS[1], 'hash') == 1
end

-- Tells every api process that the key has changed.
local function tell()
  redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
end
