# What a write is answered with: 0, or a Modbus exception (Application Protocol V1.1b3, 7).
OK = 0
NO_SUCH_FUNCTION = 1
NO_SUCH_REGISTER = 2  # or not writable, or only together with its whole block
BAD_VALUE = 3
REFUSED = 4  # a condition is missing: REFUSED_BITS says which
