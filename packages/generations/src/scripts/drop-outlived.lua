--- @include "@darkroom/redis/scripts/quarantine"
-- Drops generations whose objects are removed. Safe to repeat.
--   KEYS[1] retained  KEYS[2] the root of all names  ARGV[1…] ids
-- Answers how many were there.
local root = KEYS[2]
local names = {}
for _, id in ipairs(ARGV) do
  names[#names + 1] = root .. 'forgotten:' .. id
  names[#names + 1] = root .. 'partials:' .. id
end
redis.call('DEL', unpack(names))
release(root, 'removal', ARGV)
return redis.call('ZREM', KEYS[1], unpack(ARGV))
