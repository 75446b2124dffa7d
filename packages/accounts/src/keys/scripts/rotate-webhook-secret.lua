--- @include "key"
-- Gives a key's webhooks the next secret. For a while the former secret signs, too. The api processes need not know: a worker reads the
-- fields each time it signs.
--   ARGV[2] the new version  ARGV[3] how long the former secret signs, in milliseconds
-- Answers 'rotated' or 'gone'.
if not exists() then return 'gone' end
if tonumber(redis.call('HGET', KEYS[1], 'webhookSecretVersion') or 1) >= tonumber(ARGV[2]) then return 'rotated' end
redis.call('HSET', KEYS[1], 'webhookSecretVersion', ARGV[2], 'webhookPreviousUntil', now() + ARGV[3])
return 'rotated'
