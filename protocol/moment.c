#include "protocol/moment.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define S_PER_DAY 86400
#define YEAR_MIN 1970
#define YEAR_MAX 9999
#define DAYS_PER_400_YEARS 146097
/* From 0000-03-01 to 1970-01-01. */
#define DAYS_BEFORE_1970 719468
#define FRACTION_DIGITS_MAX 9

/*
 * Days and dates are converted with years that begin in March, so that the
 * leap day is a year's last day and the months before it have a fixed
 * pattern: 153 days each five months.
 */
struct date {
    int year;
    int month; /* 1 to 12 */
    int day;   /* 1 to 31 */
};

static int64_t days_from_date(const struct date *date)
{
    int64_t year = date->month > 2 ? date->year : date->year - 1;
    int month = date->month > 2 ? date->month - 3 : date->month + 9;

    return year * 365 + year / 4 - year / 100 + year / 400 +
           (153 * month + 2) / 5 + date->day - 1 - DAYS_BEFORE_1970;
}

static struct date date_from_days(int64_t days)
{
    int64_t since_march = days + DAYS_BEFORE_1970;
    int64_t era = since_march / DAYS_PER_400_YEARS;
    int64_t day = since_march % DAYS_PER_400_YEARS;
    /* Leap days of 4, not of 100, of 400 years are taken out first. */
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t month;

    day -= year * 365 + year / 4 - year / 100;
    month = (5 * day + 2) / 153;
    return (struct date){
        .year = (int)(era * 400 + year + (month >= 10 ? 1 : 0)),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(day - (153 * month + 2) / 5 + 1),
    };
}

void moment_format(int64_t unix_ms, char text[MOMENT_TEXT_SIZE])
{
    struct date date;
    int64_t second;

    if (unix_ms < 0)
        unix_ms = 0;
    if (unix_ms > MOMENT_MS_MAX)
        unix_ms = MOMENT_MS_MAX;
    date = date_from_days(unix_ms / MOMENT_MS_PER_S / S_PER_DAY);
    second = unix_ms / MOMENT_MS_PER_S % S_PER_DAY;
    /* The remainders tell the compiler what the clamp has made sure of. */
    (void)snprintf(text, MOMENT_TEXT_SIZE,
                   "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                   (unsigned)date.year % 10000u, (unsigned)date.month % 100u,
                   (unsigned)date.day % 100u, (unsigned)(second / 3600) % 24u,
                   (unsigned)(second / 60) % 60u, (unsigned)second % 60u,
                   (unsigned)(unix_ms % MOMENT_MS_PER_S) % 1000u);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/*
 * Read count digits and the character behind them, moving *text past both;
 * false when something else stands there or the number is out of range.
 */
static bool take_number(const char **text, int count, char end, int min,
                        int max, int *out)
{
    *out = 0;
    for (; count > 0; count--, (*text)++) {
        if (!is_digit(**text))
            return false;
        *out = *out * 10 + (**text - '0');
    }
    if (end != '\0' && *(*text)++ != end)
        return false;
    return *out >= min && *out <= max;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 && is_leap ? 29 : days[month - 1];
}

/* Read ".250" or nothing; what is finer than a millisecond is dropped. */
static bool take_fraction(const char **text, int *ms)
{
    int weight = 100;
    int count = 0;

    *ms = 0;
    if (**text != '.')
        return true;
    for ((*text)++; is_digit(**text); (*text)++, weight /= 10) {
        if (++count > FRACTION_DIGITS_MAX)
            return false;
        *ms += (**text - '0') * weight;
    }
    return count > 0;
}

enum lastcall_status moment_parse(const char *text, int64_t *unix_ms)
{
    struct date date;
    int hour, minute, second, ms;

    *unix_ms = 0;
    if (!take_number(&text, 4, '-', YEAR_MIN, YEAR_MAX, &date.year) ||
        !take_number(&text, 2, '-', 1, 12, &date.month) ||
        !take_number(&text, 2, 'T', 1, month_days(date.year, date.month),
                     &date.day) ||
        !take_number(&text, 2, ':', 0, 23, &hour) ||
        !take_number(&text, 2, ':', 0, 59, &minute) ||
        !take_number(&text, 2, '\0', 0, 59, &second) ||
        !take_fraction(&text, &ms) || strcmp(text, "Z") != 0)
        return LASTCALL_E_SYNTAX;

    *unix_ms = ((days_from_date(&date) * S_PER_DAY) +
                ((hour * 60 + minute) * 60 + second)) *
                   MOMENT_MS_PER_S +
               ms;
    return LASTCALL_OK;
}
