%% cadre_peer.erl: the rows of the comparison as Erlang processes.
%%
%% usage: peer.sh ROW THREADS N      prints "ROW THREADS N SECONDS [BYTES]"
%%
%% Each row is a function of N that plays, and returns the microseconds it took, what it
%% found and what it should have found. It runs in the master.
-module(cadre_peer).
-export([main/1, now_us/0]).

main([Name, Threads, Text]) ->
    case row(Name) of
        {Whole, Play} -> play(Name, Threads, Whole(number(Text)), Play);
        unknown -> refuse(["unknown row \"", Name, "\""])
    end;
main(_) ->
    refuse("three arguments").

row("pingpong") -> {multiple(2), fun cadre_turns:pingpong/1};
row("pairs") -> {multiple(2000), fun cadre_turns:pairs/1};
row("threadring") -> {multiple(1), fun cadre_turns:threadring/1};
row("counting") -> {multiple(1), fun(N) -> cadre_bulk:counting(N, N) end};
row("counting-rounds") -> {multiple(10000), fun(N) -> cadre_bulk:counting(N, 10000) end};
row("fanin") -> {multiple(100), fun(N) -> cadre_bulk:fanin(N, N) end};
row("fanin-rounds") -> {multiple(10000), fun(N) -> cadre_bulk:fanin(N, 10000) end};
row("fjthroughput") -> {multiple(60), fun(N) -> cadre_bulk:fjthroughput(N, N) end};
row("fjthroughput-rounds") -> {multiple(9960), fun(N) -> cadre_bulk:fjthroughput(N, 9960) end};
row("spawn") -> {multiple(1), fun cadre_life:spawn_all/1};
row("fjcreate") -> {multiple(1), fun cadre_life:fjcreate/1};
row("skynet") -> {fun power_of_ten/1, fun cadre_life:skynet/1};
row("memory") -> {multiple(1), fun cadre_life:memory/1};
row("big") -> {multiple(240), fun cadre_graphs:big/1};
row("chameneos") -> {multiple(1), fun cadre_graphs:chameneos/1};
row(_) -> unknown.

multiple(Unit) -> fun(N) -> N div Unit * Unit end.

power_of_ten(N) when N < 10 -> 1;
power_of_ten(N) -> 10 * power_of_ten(N div 10).

now_us() -> erlang:monotonic_time(microsecond).

%% The master's messages lie outside its heap, so that a collection does not copy a long
%% mailbox.
play(Name, _, 0, _) ->
    refuse(["N is too small for one game of ", Name]);
play(Name, Threads, N, Play) ->
    {_, Master} = spawn_opt(fun() -> exit({played, Play(N)}) end,
                            [monitor, {message_queue_data, off_heap}]),
    receive
        {'DOWN', Master, process, _, {played, {Us, Found, Found}}} ->
            io:format("~s ~s ~b ~.6f~n", [Name, Threads, N, Us / 1.0e6]);
        {'DOWN', Master, process, _, {played, {Us, Found, Found, Bytes}}} ->
            io:format("~s ~s ~b ~.6f ~b~n", [Name, Threads, N, Us / 1.0e6, Bytes]);
        {'DOWN', Master, process, _, {played, Result}} ->
            [_, Found, Wanted | _] = tuple_to_list(Result),
            stop(1, io_lib:format("peer: ~s: found ~p instead of ~p~n", [Name, Found, Wanted]));
        {'DOWN', Master, process, _, Other} ->
            stop(1, io_lib:format("peer: ~s: ~p~n", [Name, Other]))
    end,
    erlang:halt(0).

number(Text) ->
    case string:to_integer(Text) of
        {N, []} when N > 0, N =< 1000000000 -> N;
        _ -> refuse(["N is a number from 1 to 1000000000, not \"", Text, "\""])
    end.

refuse(Reason) ->
    stop(2, ["peer: ", Reason, " (usage: peer ROW THREADS N)\n"]).

stop(Status, Line) ->
    io:put_chars(standard_error, Line),
    erlang:halt(Status).
