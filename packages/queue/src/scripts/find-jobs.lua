-- Reads what BullMQ (6.7) holds of some jobs under its own names: a hash and a lock for each, and lists of ids.
--   KEYS[1] prioritized  KEYS[2] delayed  KEYS[3] active  KEYS[4] wait  KEYS[5] paused  KEYS[6] begins the names of jobs
--   ARGV[1…] ids
-- Answers for each: 'waiting'; 'held', by a worker or by the lock of a worker that died; 'broken' where a part is missing, so that the job
-- would never run, or run in the wrong place; 'none'.
local found = {}
for at, id in ipairs(ARGV) do
  local job = KEYS[6] .. id
  local exists = redis.call('EXISTS', job) == 1
  local listed = redis.call('ZSCORE', KEYS[1], id) or redis.call('ZSCORE', KEYS[2], id)
  if listed and exists then
    found[at] = 'waiting'
  elseif redis.call('EXISTS', job .. ':lock') == 1 or redis.call('LPOS', KEYS[3], id) then
    found[at] = 'held'
  else
    listed = listed or redis.call('LPOS', KEYS[4], id) or redis.call('LPOS', KEYS[5], id)
    if listed and exists then
      found[at] = 'waiting'
    elseif listed or exists then
      found[at] = 'broken'
    else
      found[at] = 'none'
    end
  end
end
return found
