%% cadre_turns.erl: few messages, many turns: pingpong, pairs, threadring.
-module(cadre_turns).
-export([pingpong/1, pairs/1, threadring/1]).
-import(cadre_peer, [now_us/0]).

pingpong(N) -> play_pairs(1, N).
pairs(N) -> play_pairs(1000, N).

play_pairs(Count, N) ->
    Master = self(),
    Pingers = [spawn(fun() -> pinger(Master) end) || _ <- lists:seq(1, Count)],
    Start = now_us(),
    [P ! {'begin', N div Count} || P <- Pingers],
    Balls = lists:sum([receive {finished, B} -> B end || _ <- Pingers]),
    {now_us() - Start, Balls, N}.

%% Each side knows the other from the beginning: a ball is one integer.
pinger(Master) ->
    Self = self(),
    Ponger = spawn_link(fun() -> ponger(Self) end),
    receive
        {'begin', Balls} ->
            Ponger ! Balls - 1,
            catch_balls(Ponger, Master, 0)
    end.

catch_balls(Ponger, Master, Caught) ->
    receive
        0 ->
            Master ! {finished, 2 * (Caught + 1)};
        Left ->
            Ponger ! Left - 1,
            catch_balls(Ponger, Master, Caught + 1)
    end.

ponger(Pinger) ->
    receive Left -> Pinger ! Left - 1 end,
    ponger(Pinger).

threadring(N) ->
    Master = self(),
    First = spawn(fun() -> receive {next, Next} -> member(0, Next, Master) end end),
    Second = lists:foldl(fun(I, Next) -> spawn(fun() -> member(I, Next, Master) end) end,
                         First, lists:seq(99, 1, -1)),
    First ! {next, Second},
    Start = now_us(),
    First ! N - 1,
    receive {arrived, Last} -> {now_us() - Start, Last, (N - 1) rem 100} end.

member(Me, Next, Master) ->
    receive
        0 ->
            Master ! {arrived, Me};
        Left ->
            Next ! Left - 1,
            member(Me, Next, Master)
    end.
