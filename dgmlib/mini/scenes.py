"""The ten scenes: what is likely in each, where it stands and in what light, in the words of `drawing`."""

SCENES = """
room=- : side = painted .76~.96 .01~.08 ; back = side / feature ; board = painted .94 .012 90 / wood
  white = painted .96 .012 80 ; camera lamp 1.3~1.75 .34~.45 .85~1.15 ; object floor
  rect ground -.5:.5 .45m:1 on=y edge=.2 ; object ceiling ; rect white -.5:.5 .45m:1 on=y up=1 edge=.15 ; object wall
  rect side .45m:1 0:1 on=x at=-.5 edge=.2 ; object wall ; rect side .45m:1 0:1 on=x at=.5 edge=.2 ; object wall
  rect back z=1 edge=.2 ; rect board -.5:.5 0:.1m z=1 ; rect board .45m:1 0:.1m on=x at=-.5
  rect board .45m:1 0:.1m on=x at=.5
bedroom=- 3.6~5 2.4~2.7 4.2~5.2 : mirror ; ground = planks / planks / carpet ; feature = brick / planks ; with room
  draw fitting -.5+.8m&.5-.8m 1-.01m ; draw painting -.1~.1 1-.01m 1.4m p=.6 ; draw rug -.1~.1 1-2.9m w=2.2~2.9 p=.7
  put bed -.12~.12 1-2.1m ; put cabinet -.5+.31m 1-3.2m w=.6 d=1.1 h=.9|2 p=.6 ; put chair .2~.35 1.8m~2.4m p=.5
  put potted .5-.35m 1-.7m p=.4 ; put person .3~.4 1-2m~1-1m p=.15
living_room=- 4.2~6 2.5~2.9 4.2~5.4 : mirror ; ground = planks / planks / carpet / tile / stone
  feature = brick / planks / blocks ; with room ; draw fitting -.5+.9m&0&.5-.9m 1-.01m as=window|painting ; let a -.5~.5
  draw rug -.1~.1 1-2.9m p=.75 ; put sofa -.1~.1 1-1.2m ; put table -.08~.08 1-2.3m w=.8~1.3 h=.38~.5 d=.6 p=.8
  put lamp -.32~-.26 1-.8m p=.5 ; put lamp|potted .28~.36 1-.7m p=.7
  put cabinet|bookshelf|cabinet -.5+.26m 1-3m w=.5 d=1.3 p=.55 ; put chair .2~.3 2m~2.5m p=.35
  put dog -.25~.25 1-2.1m p=.25 ; put person .15~.3 1-1.9m p=.3
dining_room=- 4~5.5 2.5~2.9 4.4~5.4 : mirror ; ground = planks / planks / tile / stone / carpet
  feature = brick / planks ; with room ; draw fitting -.5+.8m&0&.5-.8m 1-.01m ; draw rug 0 2.1m w=2.6 d=2 p=.4
  put diner -.07~.07 2.4m~2.9m ; put pendant -.06~.06 2.8m 1-1.1m~1-.7m:1 ; put cabinet .5-.26m 1-1.9m w=.5 d=1.4 p=.5
  put person -.4~-.2|.2~.35 1-.8m p=.35
kitchen=- 3.4~4.8 2.4~2.7 3.6~4.6 : mirror ; ground = tile / tile / planks / stone ; feature = tile ; with room
  back = tile / tile / side / brick ; object wall ; rect back z=1-.005m edge=.2 ; front = timber / painted
  slab = stone / wood / metal / ceramic .9 .02 90 ; let a -.15~.15 ; either glazed full
  ?glazed draw window -.4+a~-.25 1-.01m 1.2m:2.1m w=.8~1.1 ; ?full draw cabinet -.5:a-.4m 1-.35m:1 1.45m:2.1m
  draw cabinet a+.36m:.5 1-.35m:1 1.45m:2.1m ; draw cabinet -.5:a-.33m&a+.33m:.5 1-.65m:1 0:.9m ; draw stove a 1-.65m
  draw vase -.45~.45 1-.5m .9m n=2~5 ; draw potted .5-.3m 1-.4m .9m w=.4 h=.45 p=.4
  put cabinet -.5+.3m 1-2.4m:1-.67m 0:.9m w=.6 p=.5 ; put table -.15~.15 1.8m~2.1m w=.8~1.2 d=.7 p=.5
  put chair -.3|.3 1.7m~2.2m p=.4 ; put person -.25~.3 1-1.5m p=.4 ; put pendant -.15~.15 1-1.5m 1-.6m~1-.4m:1 p=.4
office=- 4.2~6 2.5~2.9 4.2~5.4 : mirror ; ground = carpet / carpet / planks / tile ; feature = painted / painted / brick
  with room ; draw fitting -.5+.8m&0&.5-.8m 1-.01m ; put desk -.3~-.15&.15~.3 1-.95m
  put desk -.3~-.15|.15~.3 1-2.6m p=.6 ; put bookshelf -.5+.2m 1-2m w=.4 d=1 p=.5
  put cabinet .5-.2m 1-2.2m w=.4 d=1 p=.4 ; put potted .5-.4m|-.5+.4m 1-.5m p=.6 ; put person -.3~.3 1-1.6m p=.35
street=- : camera sun 1.6~3.4 .46~.6 .8~1.15 ; let a 3.2~5 b 1.8~3 ; forest = woods ; far = painted
  paving = blocks .62~.8 .025 40~100 ; kerb = stone .78 .01 80 ; white = plain .94 .02 92 ; tar = asphalt
  either wooded built ; ?wooded object tree ; ?wooded ridge forest -400:400 -2:10~25 .7 z=300 ; ?built object building
  ?built ridge far -400:400 -2:10~25 .7 z=300 ; object road ; rect tar -300:300 .5:350 on=y ; object sidewalk
  rect paving a:a+90&-a-90:-a .5:200 on=y ; rect kerb a:a+.22&-a-.22:-a .5:200 on=y ; object road
  cells dash -.08:.08 2:92 .16,5 on=y ; cells stripe -a+.3:a-.3 6:8.5 1,9 on=y p=.35
  put building ±a+b+6 2~5:11&11:22&22.5:31&31:42&42:50&51:62&62:74&74:85 p=.9 ; maybe planted .7
  ?planted put tree|tree|streetlight ±a+.8 6~9&14~18&24~28&34~38&46~50 h=3.5~5
  put oncoming a-1.3|1.3-a 5~9&10~18&20~32 p=.6 ; put car -1.5~1.5 7~16 p=.5
  put person a+.4~a+b-.3|-a-b+.3~-a-.4|-3~3 4.5~20 n=1~7
dash=^ : rect white -.5:.5 0:.5
stripe=^ : rect white -.25:.25 0:1
land=- : lawn = grass ; far = woods ; object mountain ; ridge far -500:500 -2:25~60 .7 z=350 tone=1.15 ; object mountain
  ridge far -400:400 -2:10~22 .7 z=220 ; with meadow
meadow=- : lawn = grass ; bloom = petal ; object grass ; rect lawn -300:300 .5:350 on=y
  oval bloom -5~5,2.5~13 .035,.06 6 on=y n=1|40|70
village=- : camera sun 1.8~3.5 .38~.54 .9~1.25 ; with land ; lane = gravel ; object road ; let a -2~2 b -6~6
  poly lane -1.5,.6 1.5,.6 a+2,9 b+2,22 b+3,120 b-3,120 b-2,22 a-2,9 on=y
  put house ±5.5~7.5 9~14&22~28&38~44&56~64 p=.9 ; put tree|tree|fir ±.2z~.5z 7~60 n=2~5 ; put bush ±2.5~5 5~20 n=1~4
  put person -.25z~.25z 4.5~15 n=0~4 ; put dog -.3z~.3z 4.5~9 p=.4 ; put car -3~3 8~16 p=.35
park=- : camera sun 1.5~2.4 .4~.55 .9~1.25 ; forest = woods ; way = gravel / gravel / brick ; maybe town .5
  ?town put building -90&-70&-52&-35&-18&0&19&36&52&71&90 90~93 w=9~14 h=10~26 d=2 as=flat ; object tree
  ridge forest -200:200 -1:5~9 .6 z=85 ; with meadow ; object sidewalk ; let a -3~3 b -5~5 c -12~12
  poly way a-1.2,.6 a+1.2,.6 a+1.3,5 b+1.3,12 b+1.5,20 c+1.5,60 c-1.5,60 b-1.5,20 b-1.3,12 a-1.3,5 on=y
  put tree|tree|fir -.75z~-1.2|1.2~.75z 6~45 n=5~10 ; put bench -.45z~-.05z|.05z~.45z 4~9 n=1~4
  put person -.5z~.5z 3.5~18 n=1~5 ; put dog -.4z~.4z 3.8~8 p=.5 ; put bush -.6z~.6z 4~14 n=1~5
  put streetlight -5~-2|2~5 9 h=3.6 p=.5
beach=- : camera sun 1.7~3.5 .33~.5 .9~1.25 ; rocks = stone .6 .05 120~260 ; sea = water ; foam = plain .96 .015 210
  wet = sand .7 .04 75 ; dry = sand ; maybe coast .6 ; ?coast object mountain
  ?coast ridge rocks -500:500 -4:20~50 .7 z=390 ; object water ; rect sea -300:300 2:390 on=y ; let a 10~18 s 1~999
  object water ; ridge foam -40:40 .5:a+.8m .35 0 s on=y ; object sand ; ridge wet -40:40 .5:a .35 0 s on=y
  object sand ; ridge dry -40:40 .5:a-.9m .35 0 s on=y ; put boat -.6z~.6z a+8~90 n=1~5
  put boat -.5z~.5z 7~a w=.8 h=.8 d=.8 as=ashore p=.4 ; put palm -.6z~-.25z|.25z~.6z 6~14 n=0~4
  put person -.55z~.55z 4.5~16 n=1~6 ; put parasol -.5z~.5z 5~11 n=0~3 ; put dog -.4z~.4z 4.5~9 p=.35
mountain=- : camera sun 1.8~4 .48~.64 .9~1.25 ; rock = crag ; cliff = crag ; snow = plain .97 .01 250
  forest = woods .4~.54 .07 130~160 ; lake = water ; let a 130~190 s 1~999 ; object mountain
  ridge cliff -800:800 -5:a .9 1 s z=390 ; object mountain ; ridge snow -800:800 -5:a .9 1 s .5a~.8a z=390
  object mountain ; ridge rock -600:600 -5:60~100 .8 1 z=300 ; object tree ; ridge forest -400:400 -2:14~26 .6 z=160
  with meadow ; maybe wet .6 ; ?wet object water ; ?wet ridge lake -200:200 12~20:90 .1 on=y
  put fir -.75z~-.15z|.15z~.75z 6~50 n=4~12 ; put house -.35z~.35z 9~18 p=.55 ; put person -.5z~.5z 4~12 n=0~3
  put rock -.6z~.6z 4~12 n=1~5
"""
