#include "tests/standin/lifecycle.h"

#include <string.h>

enum life lifecycle_now(const struct lifecycle *life, uint64_t now_ms)
{
    if (now_ms < life->refuse_until)
        return LIFE_REFUSE;
    if (now_ms < life->starting_until)
        return LIFE_STARTING;
    return life->state;
}

bool lifecycle_empty(const struct lifecycle *life, uint64_t now_ms)
{
    return now_ms < life->empty_until;
}

bool lifecycle_wants_open(const struct lifecycle *life, uint64_t now_ms)
{
    return lifecycle_now(life, now_ms) != LIFE_REFUSE;
}

const char *life_name(enum life life)
{
    switch (life) {
    case LIFE_UP:
        return "up";
    case LIFE_STARTING:
        return "starting";
    case LIFE_REFUSE:
        return "refuse";
    case LIFE_HANG:
        return "hang";
    case LIFE_ABORT:
        return "abort";
    }
    return "up";
}

bool life_of_name(const char *name, enum life *out)
{
    for (int life = LIFE_UP; life <= LIFE_ABORT; life++) {
        if (strcmp(life_name((enum life)life), name) == 0) {
            *out = (enum life)life;
            return true;
        }
    }
    return false;
}
