-- Calls a command of Redis; nil where the key is of another type than the command is for. Any other refusal stops the script, as `redis.call` does.
local function unless_wrong_type(...)
  local answer = redis.pcall(...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if string.find(answer.err, 'WRONGTYPE', 1, true) then return nil end
  return redis.call(...)
end
