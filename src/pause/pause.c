// SPDX-License-Identifier: Apache-2.0
// The first process of a pod: keeps its namespaces while containers come and go, and takes in their
// orphans. Ends on SIGINT and SIGTERM, which the kernel keeps from a first process that has no
// handler for them.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int signal)
{
	_exit(128 + signal);
}

int main(void)
{
	const struct sigaction ending = { .sa_handler = end };
	// Children that nobody waits for are gone when they end.
	const struct sigaction nobody_waits = { .sa_handler = SIG_IGN, .sa_flags = SA_NOCLDWAIT };

	sigaction(SIGINT, &ending, 0);
	sigaction(SIGTERM, &ending, 0);
	sigaction(SIGCHLD, &nobody_waits, 0);
	for (;;)
		pause();
}
