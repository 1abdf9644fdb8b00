// What Swift's Glibc module leaves out.
#ifndef AVIARY_BENCH_CLINUX_SHIM_H
#define AVIARY_BENCH_CLINUX_SHIM_H

#include <sys/epoll.h>
#include <sys/timerfd.h>

#endif
