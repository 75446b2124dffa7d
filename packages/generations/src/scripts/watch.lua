--- @include "watchers"
-- Adds a reply channel to those that hear of every change, or takes it off. Safe to repeat.
--   KEYS[1] record  ARGV[1] reply channel  ARGV[2] 'add' or 'remove'
-- Answers 'ok', or 'gone' where there is no record.
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return 'gone' end
if ARGV[2] == 'remove' then
  remove_watcher(KEYS[1], ARGV[1])
elseif status == 'queued' or status == 'running' then
  add_watcher(KEYS[1], ARGV[1])
end
return 'ok'
