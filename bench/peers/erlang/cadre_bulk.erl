%% cadre_bulk.erl: many messages one way: counting, fanin, fjthroughput.
-module(cadre_bulk).
-export([counting/2, fanin/2, fjthroughput/2]).
-import(cadre_peer, [now_us/0]).

counting(N, Round) ->
    Counter = spawn(fun() -> counter(0) end),
    Start = now_us(),
    Sum = count_rounds(Counter, Round, N div Round, 0),
    {now_us() - Start, Sum, N}.

count_rounds(_, _, 0, Sum) -> Sum;
count_rounds(Counter, Round, Left, _) ->
    increment(Counter, Round),
    Counter ! {get, self()},
    receive {sum, Sum} -> count_rounds(Counter, Round, Left - 1, Sum) end.

increment(_, 0) -> ok;
increment(Counter, K) ->
    Counter ! 1,
    increment(Counter, K - 1).

counter(Sum) ->
    receive
        {get, From} ->
            From ! {sum, Sum},
            counter(Sum);
        By ->
            counter(Sum + By)
    end.

%% Adds up what comes in, and reports the sum after each share.
collect(Master, Share) -> collect(Master, Share, Share, 0).

collect(Master, Share, 0, Sum) ->
    Master ! {sum, Sum},
    collect(Master, Share, Share, 0);
collect(Master, Share, Left, Sum) ->
    receive Value -> collect(Master, Share, Left - 1, Sum + Value) end.

%% As the master's, the consumer's messages lie outside its heap: that is faster here,
%% and slower for the short mailboxes of the other rows.
fanin(N, Round) ->
    Master = self(),
    Consumer = spawn_opt(fun() -> collect(Master, Round) end,
                         [{message_queue_data, off_heap}]),
    Producers = [spawn(fun() -> producer(Consumer) end) || _ <- lists:seq(1, 100)],
    Share = Round div 100,
    Start = now_us(),
    Sum = fanin_rounds(Producers, Share, N div Round, 0),
    {now_us() - Start, Sum, N * (Share + 1) div 2}.

fanin_rounds(_, _, 0, Sum) -> Sum;
fanin_rounds(Producers, Share, Left, Sum) ->
    [P ! Share || P <- Producers],
    receive {sum, More} -> fanin_rounds(Producers, Share, Left - 1, Sum + More) end.

producer(Consumer) ->
    receive Share -> produce(Consumer, 1, Share) end,
    producer(Consumer).

produce(_, Value, Share) when Value > Share -> ok;
produce(Consumer, Value, Share) ->
    Consumer ! Value,
    produce(Consumer, Value + 1, Share).

fjthroughput(N, Round) ->
    Master = self(),
    Share = Round div 60,
    Workers = [spawn(fun() -> collect(Master, Share) end) || _ <- lists:seq(1, 60)],
    Start = now_us(),
    Sum = fork_rounds(Workers, Share, 0, N, 0),
    {now_us() - Start, Sum, N * (N - 1) div 2}.

fork_rounds(_, _, N, N, Sum) -> Sum;
fork_rounds(Workers, Share, Sent, N, Sum) ->
    Now = deal(Workers, Share, Sent),
    More = lists:sum([receive {sum, S} -> S end || _ <- Workers]),
    fork_rounds(Workers, Share, Now, N, Sum + More).

deal(_, 0, Value) -> Value;
deal(Workers, Left, Value) -> deal(Workers, Left - 1, deal(Workers, Value)).

deal([], Value) -> Value;
deal([W | Rest], Value) ->
    W ! Value,
    deal(Rest, Value + 1).
