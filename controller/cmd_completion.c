/* lastcall completion: scripts made from the table of flags */
#include <stdio.h>
#include <string.h>

#include "controller/command.h"
#include "controller/say.h"
#include "protocol/message_style.h"

/* What the shell runs to learn names: quick, and quiet.  Neither a host's name
 * nor its state holds a comma, so the groups are csv's third column. */
#define HOSTS_COMMAND "lastcall hosts --timeout 1s -o names 2>/dev/null"
#define GROUPS_COMMAND                                                         \
    "lastcall hosts --timeout 1s -o csv 2>/dev/null | "                        \
    "awk -F, \"NR > 1 { print \\$3 }\" | tr \" \" \"\\n\" | sort -u"

#define PLANS_COMMAND                                                          \
    "lastcall maintenance status --timeout 1s -o names 2>/dev/null | sort -u"
#define JOBS_COMMAND "lastcall jobs -o names 2>/dev/null"

static bool is_of(enum command_id command, const struct option_info *row)
{
    return (row->groups & command_table[command].groups) != 0;
}

static void print_commands(const char *separator)
{
    for (unsigned c = 0; c < COMMAND_COUNT; c++)
        printf("%s%s", c == 0 ? "" : separator, command_table[c].name);
}

static void print_flags(enum command_id command)
{
    for (size_t i = 0; i < option_table_count; i++) {
        if (is_of(command, &option_table[i]))
            printf(" --%s", option_table[i].name);
    }
}

/* The flags whose value is of a kind, as a pattern of case. */
static void print_pattern(enum option_value kind)
{
    const char *separator = "";

    for (size_t i = 0; i < option_table_count; i++) {
        const struct option_info *row = &option_table[i];
        bool seen = false;

        for (size_t j = 0; j < i; j++)
            seen = seen || (option_table[j].kind == kind &&
                            strcmp(option_table[j].name, row->name) == 0);
        if (row->kind != kind || seen)
            continue;
        printf("%s--%s", separator, row->name);
        separator = "|";
        if (row->letter != 0)
            printf("|-%c", row->letter);
    }
}

static void print_styles(void)
{
    for (size_t i = 0; message_style_name(i) != NULL; i++)
        printf("%s%s", i == 0 ? "" : " ", message_style_name(i));
}

/* Names joined with commas: the last one is completed, the others stay. */
static void print_bash_styles(void)
{
    printf("    ");
    print_pattern(VALUE_IS_STYLE);
    printf(") COMPREPLY=($(compgen -P \"${word%%\"${word##*,}\"}\" -W '");
    print_styles();
    puts("' -- \"${word##*,}\"))\n"
         "        return ;;");
}

/* What stands behind each command: its flags, and words of its own. */
static void print_bash_words(void)
{
    for (unsigned c = 0; c < COMMAND_COUNT; c++) {
        printf("    %s) flags='", command_table[c].name);
        print_flags((enum command_id)c);
        puts("' ;;");
    }
    puts("    esac\n"
         "    case ${COMP_WORDS[1]} in\n"
         "    key) flags=\"new show $flags\" ;;\n"
         "    completion) flags=\"bash zsh fish $flags\" ;;\n"
         "    jobs) case $before in\n"
         "        show|retry|wait) flags=\"$(" JOBS_COMMAND ")\" ;;\n"
         "        jobs) flags=\"show retry wait $flags\" ;;\n"
         "        esac ;;\n"
         "    maintenance) case $before in\n"
         "        maintenance) flags='start status cancel' ;;\n"
         "        status|cancel) flags=\"$(" PLANS_COMMAND ") $flags\" ;;\n"
         "        esac ;;\n"
         "    esac\n"
         "    COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n"
         "    case ${COMP_WORDS[1]} in\n"
         "    key|revoke|verify) COMPREPLY+=($(compgen -f -- \"$word\")) ;;\n"
         "    esac\n"
         "}\n"
         "complete -F _lastcall lastcall");
}

static void print_bash(void)
{
    puts("_lastcall() {\n"
         "    local word=${COMP_WORDS[COMP_CWORD]}\n"
         "    local before=${COMP_WORDS[COMP_CWORD-1]}\n"
         "    local flags=\n"
         "    COMPREPLY=()\n"
         "    if [ \"$COMP_CWORD\" -eq 1 ]; then");
    printf("        COMPREPLY=($(compgen -W '");
    print_commands(" ");
    puts(" --help --version' -- \"$word\"))\n"
         "        return\n"
         "    fi\n"
         "    case $before in");
    printf("    ");
    print_pattern(VALUE_IS_FILE);
    puts(") COMPREPLY=($(compgen -f -- \"$word\")); return ;;");
    printf("    ");
    print_pattern(VALUE_IS_HOST);
    puts(") COMPREPLY=($(compgen -W \"$(" HOSTS_COMMAND
         ")\" -- \"$word\")); return ;;");
    printf("    ");
    print_pattern(VALUE_IS_GROUP);
    puts(") COMPREPLY=($(compgen -W \"$(" GROUPS_COMMAND
         ")\" -- \"$word\")); return ;;");
    printf("    ");
    print_pattern(VALUE_IS_FORMAT);
    puts(") COMPREPLY=($(compgen -W 'table json ndjson csv names' -- "
         "\"$word\")); return ;;");
    printf("    ");
    print_pattern(VALUE_IS_BACKEND);
    puts(") COMPREPLY=($(compgen -W 'plex wts' -- \"$word\")); return ;;");
    print_bash_styles();
    printf("    ");
    print_pattern(VALUE_IS_TEXT);
    puts(") return ;;\n"
         "    esac\n"
         "    case ${COMP_WORDS[1]} in");
    print_bash_words();
}

/* zsh runs bash's completion functions when asked to. */
static void print_zsh(void)
{
    puts("#compdef lastcall\n"
         "autoload -U +X bashcompinit && bashcompinit");
    print_bash();
}

/* A text within single quotes of fish. */
static void print_fish_text(const char *text)
{
    putchar('\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('\'');
}

static void print_fish_flag(enum command_id command,
                            const struct option_info *row)
{
    printf("complete -c lastcall -n '__fish_seen_subcommand_from %s' -l %s",
           command_table[command].name, row->name);
    if (row->letter != 0)
        printf(" -s %c", row->letter);
    switch (row->kind) {
    case VALUE_IS_NONE:
        break;
    case VALUE_IS_TEXT:
        printf(" -x");
        break;
    case VALUE_IS_GROUP:
        printf(" -x -a '(" GROUPS_COMMAND ")'");
        break;
    case VALUE_IS_FILE:
        printf(" -r -F");
        break;
    case VALUE_IS_HOST:
        printf(" -x -a '(" HOSTS_COMMAND ")'");
        break;
    case VALUE_IS_FORMAT:
        printf(" -x -a 'table json ndjson csv names'");
        break;
    case VALUE_IS_BACKEND:
        printf(" -x -a 'plex wts'");
        break;
    case VALUE_IS_STYLE:
        printf(" -x -a '(__fish_complete_list , \"string split \\\" \\\" \\\"");
        print_styles();
        printf("\\\"\")'");
        break;
    }
    printf(" -d ");
    print_fish_text(row->help);
    putchar('\n');
}

static void print_fish(void)
{
    puts("complete -c lastcall -f");
    for (unsigned c = 0; c < COMMAND_COUNT; c++) {
        printf("complete -c lastcall -n __fish_use_subcommand -a %s -d ",
               command_table[c].name);
        print_fish_text(command_table[c].summary);
        putchar('\n');
        for (size_t i = 0; i < option_table_count; i++) {
            if (is_of((enum command_id)c, &option_table[i]))
                print_fish_flag((enum command_id)c, &option_table[i]);
        }
    }
    puts(
        "complete -c lastcall -n '__fish_seen_subcommand_from key' "
        "-a 'new show'\n"
        "complete -c lastcall -n '__fish_seen_subcommand_from completion' "
        "-a 'bash zsh fish'\n"
        "complete -c lastcall -n '__fish_seen_subcommand_from jobs; and not "
        "__fish_seen_subcommand_from show retry wait' -a 'show retry wait'\n"
        "complete -c lastcall -n '__fish_seen_subcommand_from jobs; and "
        "__fish_seen_subcommand_from show retry wait' "
        "-a '(" JOBS_COMMAND ")'\n"
        "complete -c lastcall -n '__fish_seen_subcommand_from maintenance; and "
        "not __fish_seen_subcommand_from start status cancel' "
        "-a 'start status cancel'\n"
        "complete -c lastcall -n '__fish_seen_subcommand_from maintenance; and "
        "__fish_seen_subcommand_from status cancel' "
        "-a '(" PLANS_COMMAND ")'\n"
        "complete -c lastcall -n '__fish_seen_subcommand_from key revoke "
        "verify' -F");
}

enum exit_code cmd_completion(const struct options *options)
{
    static const struct {
        const char *shell;
        void (*print)(void);
    } shells[] = {
        {"bash", print_bash},
        {"zsh", print_zsh},
        {"fish", print_fish},
    };

    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(options->arguments[0], shells[i].shell) == 0) {
            shells[i].print();
            return EXIT_CODE_OK;
        }
    }
    say_error("completions are for bash, zsh and fish, not \"%s\"",
              options->arguments[0]);
    return EXIT_CODE_USAGE;
}
