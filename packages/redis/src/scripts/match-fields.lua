-- Which of some hashes have all of some values. Reads only.
--   KEYS[1…] hashes  ARGV[1…] fields and their values, in pairs
-- Answers the places of those hashes among the keys, from 1 on.
local function matches(key)
  for i = 1, #ARGV, 2 do
    if redis.call('HGET', key, ARGV[i]) ~= ARGV[i + 1] then return false end
  end
  return true
end

local found = {}
for place, key in ipairs(KEYS) do
  if matches(key) then found[#found + 1] = place end
end
return found
