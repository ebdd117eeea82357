/* Holds a Pod's namespaces open until the Pod ends. A static program, so that its image is this one file. */
#include <signal.h>
#include <unistd.h>

static void stop(int number) {
    (void)number;
    _exit(0);
}

int main(void) {
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    for (;;)
        pause();
}
