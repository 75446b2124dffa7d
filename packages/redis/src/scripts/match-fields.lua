-- Which of some hashes have all of some values. Reads only.
--   KEYS[1…] hashes  ARGV[1…] fields and their values, in pairs
-- Answers the places of those hashes among the keys, from 1 on. A key of another type is among them: the reader is told of the damage.
local function matches(key)
  for i = 1, #ARGV, 2 do
    local value = redis.pcall('HGET', key, ARGV[i])
    if type(value) == 'table' then return true end
    if value ~= ARGV[i + 1] then return false end
  end
  return true
end

local found = {}
for place, key in ipairs(KEYS) do
  if matches(key) then found[#found + 1] = place end
end
return found
