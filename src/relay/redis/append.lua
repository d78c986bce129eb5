-- Appends a record to the log, unless its topic is finished or it was appended before.
--
-- KEYS  the log; the finished topics, with the time of the mark that says so; optionally where a key is remembered
-- ARGV  the bound (MAXLEN or MINID); its threshold (entries, or the age in ms); for how long a key is remembered, in ms;
--       the mark of the record, or nothing; its topic, whose name may be empty, unless the mark is `begin`; then the
--       fields
--
-- Returns the ID, or nothing if the topic is finished or a log is to begin that has begun. An error means that the
-- record was not appended, since Redis does not undo what a script wrote before it failed: so each command that may
-- fail comes before XADD, and those behind it are repetitions of commands that have just succeeded. Should one of these
-- fail all the same, the reply is the ID and the error.

local log, finished, once = KEYS[1], KEYS[2], KEYS[3]
local bound, threshold, remembered, mark, topic = unpack(ARGV, 1, 5)

local function millis(id)
  return tonumber(string.match(id, '^%d+'))
end

local function oldest()
  local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  return first and millis(first[1])
end

if once then
  local id = redis.call('GET', once)
  -- It is empty if XADD failed after the key had been set.
  if id and id ~= '' then
    return id
  end
end

local is_new = redis.call('EXISTS', log) == 0
if mark == 'begin' then
  -- As the oldest entry it says that nothing was let go of, so nothing may come before it.
  if oldest() then
    return false
  end
else
  local at = redis.call('ZSCORE', finished, topic)
  if at or mark == 'finish' then
    local first = oldest()
    if at and first and tonumber(at) >= first then
      return false
    end
    -- New nodes know nothing of the marks that have left the log.
    redis.call('ZREMRANGEBYSCORE', finished, '-inf', first and string.format('(%.0f', first) or '+inf')
  end
end

if bound == 'MINID' then
  local now = redis.call('TIME')
  threshold = string.format('%.0f', math.max(0, tonumber(now[1]) * 1000 - tonumber(threshold)))
end

-- The ID is not known yet, so these say what counts as nothing: no key, and a mark that has left the log.
if mark == 'finish' then
  redis.call('ZADD', finished, '-1', topic)
end
if once then
  redis.call('SET', once, '', 'PX', remembered)
end

if is_new and mark ~= 'begin' then
  -- Should the record be refused after that, the log is as empty as before: a tail would begin it in the same way.
  redis.call('XADD', log, bound, '~', threshold, '*', 'mark', 'begin')
end
local id = redis.call('XADD', log, bound, '~', threshold, '*', unpack(ARGV, 6))

local failed
local function repeated(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then
    failed = reply.err
  end
end
if mark == 'finish' then
  repeated('ZADD', finished, string.format('%.0f', millis(id)), topic)
end
if once then
  repeated('SET', once, id, 'PX', remembered)
end
if failed then
  return {id, failed}
end
return id
