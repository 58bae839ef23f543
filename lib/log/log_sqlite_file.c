/* SPDX-License-Identifier: MIT */
/*
 * log_sqlite_file: where the database lies, what may be done there, and the
 * lock files beside it.
 *
 * A path is made absolute and free of symbolic links, so that two names of
 * one file mean one lock. A lock is flock() on a small file that is never
 * removed: the kernel drops it with the process, however that ends.
 *
 * How it fails: no folder, no right to write (-EACCES, naming the path), no
 * file where none is made (-ENOENT), somebody else has the lock (-EBUSY,
 * with their process id where the file tells it).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "log/log_sqlite_impl.h"

static char *text_of(struct dn_buf *b)
{
	char *text = dn_xstrndup(b->p, b->n);

	dn_buf_release(b);
	return text;
}

static char *join(const char *folder, const char *name)
{
	struct dn_buf b = {0};

	dn_buf_printf(&b, "%s/%s", folder, name);
	return text_of(&b);
}

/* As mkdir -p, with rights for the owner alone. */
static int make_folders(const char *path, struct dn_err *err)
{
	char *folder = dn_xstrdup(path);
	int rc = 0;

	for (char *at = folder + 1; rc == 0; at++) {
		char end = *at;

		if (end != '/' && end != '\0')
			continue;
		*at = '\0';
		if (mkdir(folder, 0700) != 0 && errno != EEXIST)
			rc = dn_err_set(err, -EACCES,
			    "log: cannot make folder %s: %s", folder,
			    strerror(errno));
		*at = end;
		if (end == '\0')
			break;
	}
	free(folder);
	return rc;
}

static int default_path(char **out, bool make, struct dn_err *err)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	struct dn_buf b = {0};
	char *folder;
	int rc = 0;

	if (state != NULL && state[0] == '/')
		dn_buf_printf(&b, "%s/dnot", state);
	else if (home != NULL && home[0] == '/')
		dn_buf_printf(&b, "%s/.local/state/dnot", home);
	else
		return dn_err_set(err, -EINVAL,
		    "log sqlite: has no default place, as neither "
		    "XDG_STATE_HOME nor HOME is an absolute path");
	folder = text_of(&b);
	if (make)
		rc = make_folders(folder, err);
	if (rc == 0)
		*out = join(folder, "log.db");
	free(folder);
	return rc;
}

/* Takes path; gives the same file without symbolic links on the way. */
static char *canonical(char *path)
{
	char *real = realpath(path, NULL);
	char *slash = strrchr(path, '/');
	char *folder;

	if (real == NULL && slash != NULL) {
		*slash = '\0';
		folder = realpath(slash == path ? "/" : path, NULL);
		*slash = '/';
		if (folder != NULL)
			real = join(
			    strcmp(folder, "/") == 0 ? "" : folder, slash + 1);
		free(folder);
	}
	if (real == NULL)
		return path; /* no such folder: told when it is opened */
	free(path);
	return real;
}

int dn_sq_path(char **out, const char *path, const char *base, bool make,
    struct dn_err *err)
{
	char folder[PATH_MAX];
	int rc = 0;

	if (path[0] == '\0')
		rc = default_path(out, make, err);
	else if (path[0] == '/')
		*out = dn_xstrdup(path);
	else if (base != NULL && base[0] == '/')
		*out = join(base, path);
	else if (getcwd(folder, sizeof(folder)) == NULL)
		rc = dn_err_set(err, -EACCES,
		    "log %s: cannot tell the working folder: %s", path,
		    strerror(errno));
	else if (base != NULL && base[0] != '\0') {
		char *absolute = join(folder, base);

		*out = join(absolute, path);
		free(absolute);
	} else {
		*out = join(folder, path);
	}
	if (rc == 0)
		*out = canonical(*out);
	return rc;
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	DN_ASSERT(slash != NULL);
	return slash == path ? dn_xstrdup("/")
			     : dn_xstrndup(path, (size_t)(slash - path));
}

/* Whether the folder can take a new file. */
static int check_folder(const char *path, struct dn_err *err)
{
	char *folder = folder_of(path);
	int rc = 0;

	if (access(folder, W_OK | X_OK) != 0)
		rc = dn_err_set(err, -EACCES,
		    "log %s: cannot create it in folder %s: %s", path, folder,
		    strerror(errno));
	free(folder);
	return rc;
}

int dn_sq_check_file(const char *path, bool create, struct dn_err *err)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		if (create)
			return check_folder(path, err);
		if (errno == ENOENT || errno == ENOTDIR)
			return dn_err_set(err, -ENOENT,
			    "log %s: there is no such file", path);
		return dn_err_set(err, -EACCES, "log %s: cannot look at it: %s",
		    path, strerror(errno));
	}
	if (S_ISDIR(st.st_mode))
		return dn_err_set(err, -EACCES,
		    "log %s: is a folder, a file is needed", path);
	if (access(path, R_OK) != 0)
		return dn_err_set(err, -EACCES, "log %s: cannot read it: %s",
		    path, strerror(errno));
	return 0;
}

bool dn_sq_writable(const char *path)
{
	char *folder = folder_of(path);
	bool ok =
	    access(path, R_OK | W_OK) == 0 && access(folder, W_OK | X_OK) == 0;

	free(folder);
	return ok;
}

bool dn_sq_has_wal(const char *path)
{
	struct dn_buf b = {0};
	struct stat st;
	char *wal;
	bool has;

	dn_buf_printf(&b, "%s-wal", path);
	wal = text_of(&b);
	has = stat(wal, &st) == 0 && st.st_size > 0;
	free(wal);
	return has;
}

static int lock_is_held(
    int fd, const char *path, const char *what, struct dn_err *err)
{
	char pid[16];
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	pid[strcspn(pid, "\n")] = '\0';
	if (pid[0] != '\0' && strspn(pid, "0123456789") == strlen(pid))
		return dn_err_set(err, -EBUSY,
		    "log %s: another %s (process %s) has it", path, what, pid);
	return dn_err_set(err, -EBUSY, "log %s: another %s has it", path, what);
}

static int lock_file(int *out, const char *path, const char *file,
    const char *what, struct dn_err *err)
{
	int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	int rc = 0;

	if (fd < 0)
		return dn_err_set(err, -EACCES,
		    "log %s: cannot open the lock file %s: %s", path, file,
		    strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		rc = errno == EWOULDBLOCK ? lock_is_held(fd, path, what, err)
					  : dn_err_set(err, -EACCES,
						"log %s: cannot lock %s: %s",
						path, file, strerror(errno));
		close(fd);
		return rc;
	}
	/* Only for whoever is refused; nothing depends on it. */
	if (ftruncate(fd, 0) == 0)
		dprintf(fd, "%ld\n", (long)getpid());
	*out = fd;
	return 0;
}

int dn_sq_lock(int *fd, const char *path, const char *suffix, const char *what,
    struct dn_err *err)
{
	struct dn_buf b = {0};
	char *file;
	int rc;

	dn_buf_printf(&b, "%s%s", path, suffix);
	file = text_of(&b);
	rc = lock_file(fd, path, file, what, err);
	free(file);
	return rc;
}
