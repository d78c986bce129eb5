-- Returns which commands of the script that appends this user may not run, and on which keys, in turn.
--
-- KEYS  the log; the finished topics; where a key is remembered
--
-- Redis checks a user's permissions before it looks at a command's arguments. Those of the commands that write are
-- wrong, so that nothing is changed.

local log, finished, once = unpack(KEYS)
local refused = {}

local function try(command, ...)
  local reply, key = redis.pcall(command, ...), ...
  local err = type(reply) == 'table' and reply.err
  if err and (string.find(err, 'NOPERM', 1, true) or string.find(err, 'user executing the script', 1, true)) then
    table.insert(refused, command)
    table.insert(refused, key or '')
  end
end

try('XADD', log, 'MAXLEN', '~', 'wrong', '*', 'field', 'value')
try('EXISTS', log)
try('XRANGE', log, '-', '+', 'COUNT', 1)
try('ZADD', finished, 'wrong', '')
try('ZSCORE', finished, '')
try('ZREMRANGEBYSCORE', finished, 'wrong', 'wrong')
try('SET', once, '', 'PX', 'wrong')
try('GET', once)
try('TIME')
return refused
