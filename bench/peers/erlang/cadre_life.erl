%% cadre_life.erl: processes that come and go: spawn, fjcreate, skynet, memory.
-module(cadre_life).
-export([spawn_all/1, fjcreate/1, skynet/1, memory/1]).
-import(cadre_peer, [now_us/0]).

spawn_all(N) ->
    Master = self(),
    Start = now_us(),
    spawn_workers(fun() -> receive Number -> Master ! Number end end, N),
    Sum = gather(N, 0),
    {now_us() - Start, Sum, N * (N - 1) div 2}.

spawn_workers(_, 0) -> ok;
spawn_workers(Work, N) ->
    spawn(Work) ! N - 1,
    spawn_workers(Work, N - 1).

gather(0, Sum) -> Sum;
gather(Left, Sum) -> receive Number -> gather(Left - 1, Sum + Number) end.

%% A monitor is Erlang's way of waiting for processes that say nothing.
fjcreate(N) ->
    Start = now_us(),
    spawn_monitored(N),
    Ended = await(N, 0),
    {now_us() - Start, Ended, N}.

spawn_monitored(0) -> ok;
spawn_monitored(N) ->
    {Pid, _} = spawn_monitor(fun() -> receive Number when is_integer(Number) -> ok end end),
    Pid ! N,
    spawn_monitored(N - 1).

await(0, Ended) -> Ended;
await(Left, Ended) ->
    receive
        {'DOWN', _, process, _, normal} -> await(Left - 1, Ended + 1);
        {'DOWN', _, process, _, _} -> await(Left - 1, Ended)
    end.

skynet(N) ->
    Master = self(),
    Start = now_us(),
    spawn(fun() -> sky(Master, 0, N) end),
    receive Sum -> {now_us() - Start, Sum, N * (N - 1) div 2} end.

sky(Up, Number, 1) -> Up ! Number;
sky(Up, Number, Size) ->
    Self = self(),
    Part = Size div 10,
    [spawn(fun() -> sky(Self, Number + I * Part, Part) end) || I <- lists:seq(0, 9)],
    Up ! gather(10, 0).

%% Processes stay as they are when they wait: hibernating ones would be smaller, and
%% slow to wake.
memory(N) ->
    Before = resident(),
    Start = now_us(),
    Sum = spawn_waves(N, 0, 0),
    Us = now_us() - Start,
    {Us, Sum, N * (N - 1) div 2, resident() - Before}.

spawn_waves(N, N, Sum) -> Sum;
spawn_waves(N, Count, Sum) ->
    Wave = min(1000, N - Count),
    spawn_idlers(self(), Count, Wave),
    spawn_waves(N, Count + Wave, gather(Wave, Sum)).

spawn_idlers(_, _, 0) -> ok;
spawn_idlers(Master, Number, Left) ->
    spawn(fun() -> Master ! Number, idle(Number, 0) end),
    spawn_idlers(Master, Number + 1, Left - 1).

idle(Number, Count) ->
    receive _ -> idle(Number, Count + 1) end.

%% The bytes of RAM that the virtual machine holds.
resident() ->
    erlang:garbage_collect(),
    {ok, Text} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = string:lexemes(Text, " "),
    binary_to_integer(Pages) * page_size().

page_size() -> list_to_integer(string:trim(os:cmd("getconf PAGESIZE"))).
