%% cadre_graphs.erl: messages across a graph: big, chameneos.
-module(cadre_graphs).
-export([big/1, chameneos/1]).
-import(cadre_peer, [now_us/0]).

big(N) ->
    Master = self(),
    Pings = N div 240,
    List = [spawn(fun() -> receive {all, All} -> big(I, All, I, Pings, 0, Master) end end)
            || I <- lists:seq(0, 119)],
    All = list_to_tuple(List),
    [A ! {all, All} || A <- List],
    Start = now_us(),
    [A ! {pong, -1} || A <- List],
    Pongs = lists:sum([receive {pongs, P} -> P end || _ <- List]),
    {now_us() - Start, 2 * Pongs, N}.

%% Sends its next ping, to one drawn by Savina's generator, when a pong comes. The first
%% pong only starts it.
big(Me, All, Random, Pings, Sent, Master) ->
    receive
        {ping, From} ->
            element(From + 1, All) ! {pong, Me},
            big(Me, All, Random, Pings, Sent, Master);
        {pong, _} when Sent < Pings ->
            Next = (Random * 1309 + 13849) band 65535,
            element(Next rem 120 + 1, All) ! {ping, Me},
            big(Me, All, Next, Pings, Sent + 1, Master);
        {pong, _} ->
            Master ! {pongs, Sent},
            big(Me, All, Random, Pings, Sent, Master)
    end.

chameneos(N) ->
    Master = self(),
    Mall = spawn(fun() -> mall(N, none, Master) end),
    Creatures = [spawn(fun() -> creature(Mall, I rem 3) end) || I <- lists:seq(0, 99)],
    Start = now_us(),
    [C ! go || C <- Creatures],
    receive {meetings, Sum} -> {now_us() - Start, Sum, 2 * N} end.

mall(0, _, Master) ->
    close(100, 0, Master);
mall(Left, none, Master) ->
    receive {meet, Creature, _} -> mall(Left, Creature, Master) end;
mall(Left, Waiting, Master) ->
    receive
        {meet, _, _} = Meeting ->
            Waiting ! Meeting,
            mall(Left - 1, none, Master)
    end.

close(0, Sum, Master) ->
    Master ! {meetings, Sum};
close(Open, Sum, Master) ->
    receive
        {meet, Creature, _} ->
            Creature ! report,
            close(Open, Sum, Master);
        {met, Meetings} ->
            close(Open - 1, Sum + Meetings, Master)
    end.

creature(Mall, Color) ->
    receive go -> Mall ! {meet, self(), Color} end,
    creature(Mall, Color, 0).

creature(Mall, Color, Meetings) ->
    receive
        {meet, Other, Its} ->
            New = mix(Color, Its),
            Other ! {change, New},
            Mall ! {meet, self(), New},
            creature(Mall, New, Meetings + 1);
        {change, New} ->
            Mall ! {meet, self(), New},
            creature(Mall, New, Meetings + 1);
        report ->
            Mall ! {met, Meetings}
    end.

mix(Color, Color) -> Color;
mix(A, B) -> 3 - A - B.
