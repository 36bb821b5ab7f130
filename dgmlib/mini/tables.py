"""Descriptions of the ten scenes, their furniture and the figures in them; `notation` explains the syntax."""

THINGS = """
paints : timber = wood / wood / wood / wood / painted .5~.95 .05 / metal ; tyre = plain .24 .01 260
  stuff = leather .3~.65 .03~.1 hue / fabric .4~.85 .02~.12 hue / fabric .4~.85 .02~.12 hue print=.4 period=.25
  cloth = fabric .5~.92 .03~.13 print=.75 period=.15 ; masonry = brick / brick / painted .5~.9 .02~.09 20~260 / blocks
  dab = plain .35~.85 .12 hue-90~hue+90 ; petal = plain .75~.92 .14 20|90|300|350 ; iron = metal .3~.4 .02 230
table 1.2~1.8 .74 .7~1 : leg ?= timber ; slab = leg / leg / leg / leg / glass .75 .03 200 / stone
  linen = fabric .6~.9 .02~.1 print=.7 period=.2 ; shadow .5 .55 ; box leg:leg ±.41:.47 0:.95 .88:.95&.05:.12
  ?-set box slab:top -.5:.5 .88:1 0:1 ; ?set box linen:top -.52:.52 .62:1 0:1
chair .44 .88~1.05 .44 : either near far left right ; maybe slats .5 ; frame ?= timber ; cushion = frame / stuff
  ?near let a -.5 b .5 c .9 e 1 ; ?far let a -.5 b .5 c 0 e .1 ; ?left let a .4 b .5 c 0 e 1
  ?right let a -.5 b -.4 c 0 e 1 ; shadow .6 .6 ; box frame:leg ±.4:.5 0:.45 .9:1&0:.1
  ?far box cushion:seat -.5:.5 .43:.5 ; ?slats box frame:back a:a+.1&b-.1:b .5:1 c:e
  ?slats box frame:back a:b .62:.7&.77:.85&.92:1 c:e ; ?-slats box cushion:back a:b .5:1 c:e
  ?-far box cushion:seat -.5:.5 .43:.5
diner=- 1.3~2 .74 .8~1 : frame = timber ; leg = frame / timber ; maybe set .4 ; draw chair ±.22~.3 1+.1m~1+.25m as=near
  draw chair -.5-.32m .2~.4 as=right p=.6 ; draw chair .5+.32m .2~.4 as=left p=.6 ; ?set draw table -.5:.5 0:1 as=set
  ?-set draw table -.5:.5 0:1 ; draw vase -.4~.4 .3~.7 1 n=1~4 ; draw potted 0 .5 1 w=.35 h=.4 p=.4
  draw chair ±.22~.3 -.6m~-.45m as=far p=.45
desk=- 1.2~1.6 .74 .7 : draw table -.5:.5 0:1 ; draw monitor -.2~.2 .6 1
  draw lamp -.4|.4 .5 1 w=.28 h=.5~.65 d=.1 p=.5 ; draw chair -.15~.15 -.6m~-.4m as=far|left|right p=.8
sofa 1.6~2.5 .75~.95 .85 : cover = stuff ; foot = timber ; pillow = cloth ; let a .26|.39 ; shadow .5 .6
  box foot:leg ±.42:.47 0:.17 .85:.95&.02:.1 ; box cover:back -.5:.5 .16:1 .75:1 ball=.15
  box cover -.39:.39 .16:.42 0:.78 ; cells backrest -.39:.39 .5:.98 a,1 z=.74
  box cover:seat_cushion -.39:.39 .4:.56 -.02:.75 ball=.15 ; cells seam -.39:.39 .4:.56 a,1 z=-.02
  box cover:arm ±.39:.5 .16:.74 0:1 ball=.15
  round pillow:back -.28~-.15:-.14~-.02&.05~.1:.22~.28 .54:.95 .07m z=.4 ball=.7 p=.6
seam=^ : rect cover:seat_cushion ±.48:.5 0:1 tone=.6
backrest=^ : round cover:back -.47:.47 0:1 .09m ball=.7
bed .95|1.4|1.7 .95~1.3 2.08 : frame = timber ; sheet = fabric .93 .015 hue
  blanket = fabric .45~.85 .03~.12 hue print=.45 period=.4 ; board = frame / frame / stuff ; case = sheet / cloth
  draw bedside ±.5+.35m 1-.45m p=.8 ; shadow .53 .55 ; box board:headboard -.53:.53 0:1 .96:1
  box frame:leg ±.42:.5 0:.2m .9:.95&0:.05 ; box frame:base -.5:.5 .16m:.32m 0:.96
  box sheet -.48:.48 .32m:.52m .01:.96 ; cells pillow -.46:.46 .48m:.92m .75m,1 z=.89
  box blanket -.51:.51 .28m:.56m -.01:1.2m~1.5m ; rect sheet -.51:.51 .5:.62 on=y up=.565m
pillow=^ : round case:pillow -.46:.46 0:1 .12m ball=.8
bedside=cabinet .48 .5~.6 .43 : with cabinet ; draw lamp 0 .3 1 w=.28 h=.45~.6 d=.1 p=.75
cabinet .9~1.5 .8~1.1 .45 : front ?= timber ; slab ?= front ; gap = front tone=.62 ; panel = front tone=.84
  knob = metal / metal / ceramic ; maybe alike .5 ; shadow .52 .7 ; box front
  ?alike cells leaf -.5:.5 .05:.93 .5m~.7m,1 ; ?-alike cells drawers|leaf|both -.5:.5 .05:.93 .5m~.7m,1
  box slab:top -.5-.02m:.5+.02m 1-.05m:1 -.02m:1
drawers=^ : cells drawer -.5:.5 0:1 1,.3m
both=^ : cells leaf -.5:.5 0:.7 1,1 ; cells drawer -.5:.5 .7:1 1,1
drawer=^ : rect gap:drawer -.48:.48 .02:.98 ; rect front:drawer -.45:.45 .07:.93
  rect knob:drawer -.08m:.08m .5-.015m:.5+.015m
leaf=^ : rect gap:door -.48:.48 .01:.99 ; rect front:door -.45:.45 .02:.98 ; rect panel:door -.33:.33 .09:.91
  rect knob:door .37:.42 .5-.07m:.5+.07m
stove .64 .9 .63 : steel = metal / metal / painted .3~.95 .04 ; dark = glass .27 .01 260 ; ring = metal .5 .02 40
  box steel ; rect dark -.47:.47 .06:.94 on=y up=1.005 ; oval ring ±.24,.3&±.24,.72 .15,.14 on=y up=1.01
  round dark -.4:.4 .22:.69 .03m ; rect steel -.4:.4 .72:.77 tone=1.2 ; oval dark ±.37,.87&±.18,.87&0,.87 .05,.035
vase=- .18 .15~.34 .01 : glaze = ceramic ; either tall low ; ?low poly glaze -.37,0 .37,0 .9,.45 -.9,.45 ball=.9
  ?tall poly glaze -.3,0 .3,0 .5,.4 .18,.8 .24,1 -.24,1 -.18,.8 -.5,.4 ball=.9
lit=^ : maybe on .4 dark ; hood = fabric .82~.95 .02~.09 70|80|90|0~360 lit=.1
  ?on hood = fabric .88~.95 .04~.09 70|80|90|0~360 lit=.8 ; stem = metal / upright
lamp .4 1.4~1.7 .3 : with lit ; shadow .5 .6 ; round stem:base -.42:.42 0:.05 .03m ball=.6
  rect stem:column -.06:.06 .03:.8 ; body = ceramic / stem ; oval body:column 0,.32 .08m,.25 ball=.9
  ?on glow 0,.87 .5h+.4m .5 ; poly hood:shade -.6,.68 .6,.68 .4,1 -.4,1 ball=.5
pendant=lamp .4~.64 .8 .01 : with lit ; cord = plain .3 .01 60 ; bell = metal / painted
  rect cord:column -.012m:.012m .2m:1 ; poly bell:shade -.5,0 .5,0 .28,.22m .08,.3m -.08,.3m -.28,.22m ball=.8
  oval hood:shade 0,0 .45,.035m ; ?on glow 0,0 .9 .45
painting .5~1.2 .45~.9 .01 : frame = wood / wood / metal ; paper = plain .6~.95 .05 hue ; sun = plain .93 .08 90
  rect shade -.47:.56 -.08:1 ; rect frame ; rect paper -.5+.05m:.5-.05m .05m:1-.05m ; hill = plain .7 .08 hue-20~hue+40
  vale = plain .45 .08 hue-50~hue+10 ; either hills shapes ; ?hills oval sun -.25~.25,.72 .08h,.08
  ?hills ridge hill -.5+.05m:.5-.05m .05m:.65 .4 ; ?hills ridge vale -.5+.05m:.5-.05m .05m:.4 .4
  ?shapes oval dab -.22~.22,.32~.68 .05~.22,.08~.24 3|4|24 n=4
door .9 2.03 .01 : frame = painted .93 .015 90 / upright ; leaf = upright / painted ; panel = leaf tone=.8
  rect frame -.6:.6 0:1.045 ; rect leaf ; rect panel ±.05:.38 .1:.45&.52:.92 ; limb metal .32,.5 .42,.5 .025m
window .75~1.15 1.1~1.3 .01 : frame = painted .85~.97 .02 / painted .95 .01 90 / wood
  view = glass .78~.9 .05 250 lit=.8 ; ?dark view = glass .3 .05 250 lit=.3 ; trees = glass .66 .08 90~160 lit=.5
  ?dark trees = glass .33 .05 90~160 lit=.4 ; rect frame -.56:.56 -.05:1.05 ; rect view fade=-.12
  ridge trees -.5:.5 0:.55 .4 ; ridge trees -.5:.5 0:.34 .4 tone=.85 ; rect frame -.025m:.025m 0:1
  rect frame -.5:.5 .6:.64 ; box frame -.62:.62 -.1:-.04 -.12m:0 ; let a -.8m~.8m
  ?-dark poly sun -.5+2a,-2.2m .5+2a,-2.2m .5+a,-1m -.5+a,-1m on=y up=-.95m p=.6 ; maybe draped .65
  ?draped with drapes
drapes=^ : drape = fabric .55~.92 .02~.11 print=.35 period=.2 ; let a .22~.38 b -.87m|-.2m ; object curtain
  poly drape -.64,1.12 -.64+a,1.12 -.64+.8a,b -.64,b z=-.08m fold=.15 ; object curtain
  poly drape .64,1.12 .64-a,1.12 .64-.8a,b .64,b z=-.08m fold=.15 ; object - ; rect metal -.76:.76 1.11:1.15 z=-.09m
fitting=- 1 : either window window window painting painting door none ; ?window draw window 0 0 .95m
  ?door draw door 0 0 ; ?painting draw painting 0 0 1.2m~1.4m
rug=carpet 2~3 1 1.6~2 : pile = carpet / carpet print=1 period=.45 ; either oval square square
  ?oval oval pile 0,.5 .5,.5 on=y ; ?square rect pile on=y
bookshelf=- 1 1.9 .35 : rack = timber ; inside = rack tone=.5 ; box rack ; cells shelf -.5:.5 0:1 1,.36m
shelf=^ : rect inside -.46:.46 .12:.97 ; cells book -.45:.45 .12:.9 .05m,1
book=^ : rect dab -.46:.46 0:.7~1 some=.4 n=6
monitor=- .58 .48 .02 : case = plain .25|.85 .01 250 ; screen = plain .4~.85 .08 180~280 lit=.8
  ink = plain .95 .02 250 lit=.8 ; rect case -.07:.07 0:.3 ; rect case -.22:.22 0:.04 ; round case -.5:.5 .25:1 .02m
  rect screen -.46:.46 .3:.95 ; rect ink -.4:-.1~.35 .42:.47&.54:.59&.66:.71&.78:.83
potted=plant .7~1 .8~1.3 .4 : pot = ceramic / ceramic / wood ; leaf = leaves ; shadow .5 .6 ; either fronds round
  ?fronds poly leaf 0,.36 ±.15,.6 ±.5,.55~.75 ±.3,.45 tone=.85~1 ; ?round puff leaf ±.2,.55 .2h,.2 .2
  ?fronds poly leaf 0,.36 ±.02,.7 ±.12~.2,.9~1.1 ±.2,.65 tone=1~1.2 ; ?round puff leaf 0,.75 .26h,.25 .2 tone=1.1
  poly pot -.16h,.4 .16h,.4 .11h,0 -.11h,0 ball=.8
person .68|.93~1.07|.93~1.07 : mirror ; flesh = skin ; top = fabric .45~.92 .03~.15 hue print=.3 period=.2
  below = fabric .28~.65 .01~.09 hue|hue+40|hue+180 ; hair = plain .2~.68 .01~.08 40~80 ; shoe = leather .22~.55 .04 hue
  face = plain .25 .02 60 ; maybe walks .45 ; maybe waves .15 ; maybe skirt .3 ; maybe away .2 ; maybe sleeves .6
  leg = below / below / flesh ; ?skirt leg = flesh ; arm = flesh ; ?sleeves arm = top ; fore = arm / flesh
  let b .19 s 0~.03 ; let f .1+s ; ?walks let b .15 s .14~.24 ; ?walks let f .04+s ; shadow .5 .22
  limb fore:arm -b-.06-.3s,1.1 -b-.03-.6s,.84 .043w .036w ; limb arm:arm -b,1.37 -b-.06-.3s,1.1 .056w .046w
  limb leg:leg ±.07,.86 ±f,.1 .095w .055w ; limb shoe:leg ±f,.045 ±f+.04,.04 .048w .04w
  oval hair:head -.015,1.56 .135,.19 p=.4 ; rect flesh:head -.047:.047 1.36:1.52
  ?skirt poly below:torso -.15,1 .15,1 .27,.5 -.27,.5 ball=.8
  poly top:torso b+.01,1.38 .08,1.45 -.08,1.45 -b-.01,1.38 -.14,1.08 -.165,.8 .165,.8 .14,1.08 ball=.8
  let e b+.06+.3s g 1.1 v b+.03+.8s u .86 ; ?waves let e b+.2 g 1.42 v b+.24 u 1.68 ; limb fore:arm e,g v,u .043w .036w
  limb arm:arm b,1.37 e,g .056w .046w ; oval flesh:head 0,1.6 .098,.125 ball=.8
  ?away oval hair:head 0,1.61 .1,.13 ball=.8 ; ?-away oval face:head ±.036,1.615&0,1.55 .014,.014
  ?-away poly hair:head -.11,1.56 -.11,1.66 -.06,1.735 .05,1.74 .108,1.68 .108,1.6 .06,1.67 -.06,1.66
dog .75~1.05 : mirror ; coat = fur ; nose = plain .2 .01 50 ; shadow .5 .25
  limb coat:tail -.36,.52 -.6,.55~.85 .05w .025w tone=.95
  limb coat:leg -.24,.42&.2,.42 -.3~-.2,.05 .075w .045w tone=.75 ; limb coat:leg -.34,.42 -.4~-.28,.05 .075w .045w
  limb coat:leg .3,.42 .24~.36,.05 .075w .045w ; limb coat:torso -.28,.47 .26,.5 .15w .17w
  limb coat:torso .28,.56 .4,.74 .12w .1w ; limb dab:torso .31,.71 .45,.65 .025w p=.4
  oval coat:head .44,.8 .13,.12 ball=.7 tone=1.06 ; limb coat:head .5,.77 .62,.745 .065w .05w tone=1.12
  limb coat:head .38,.86 .33,.7 .05w .06w tone=.7 ; oval nose:head .655,.765 .026,.026 ; oval nose:head .49,.835 .02,.02
tree 4~8 : bark = upright .3~.5 .03 50~75
  leaf = foliage .42~.66 .09~.13 105~150 / foliage .42~.66 .09~.13 105~150 / foliage .5~.66 .1~.13 45~100
  let k -.05~.05 t .045~.075 c .26~.36 ; shadow .45 .18 ; poly bark:trunk -1.3t,0 1.3t,0 k+.6t,.62 k-.6t,.62 ball=.8
  limb bark:trunk k,.45 ±.18,.62 .5t ; puff leaf:crown k,.68 .9c,.72c ; puff leaf:crown k-.6c,.62 .56c,.45c tone=.95
  puff leaf:crown k+.6c,.6 .56c,.45c ; puff leaf:crown k-.3c,.82 .56c,.45c tone=1.06
  puff leaf:crown k+.3c,.8 .56c,.45c tone=1.04 ; puff leaf:crown k,.88 .45c,.36c tone=1.12
fir=tree 4~10 : bark = upright .3~.45 .03 50~75 ; leaf = foliage .36~.52 .06~.08 130~165 ; let t .035~.05
  shadow .35 .15 ; rect bark:trunk -t:t 0:.35 ball=.8 ; cells tier -.27:.27 .13:.5 ; cells tier -.21:.21 .3:.67
  cells tier -.16:.16 .47:.84 ; cells tier -.1:.1 .64:1
tier=^
  poly leaf:crown -.5,.08 -.36,0 -.24,.11 -.1,0 0,.11 .12,0 .25,.11 .37,0 .5,.08 .06,1 -.06,1 ball=.8 tone=.95~1.2
palm=tree 4~6 : bark = upright .35~.5 .03 50~75 ; leaf = foliage .45~.62 .11~.13 95~150 ; let k -.1~.1 ; shadow .4 .15
  poly bark:trunk -.035,0 .035,0 k+.02,1 k-.02,1 ball=.8 ; cells fan k-.46:k+.46 .75:1.25
fan=^ : poly leaf:crown 0,.5 ±.14,.62 ±.32,.46 ±.42,.06 ±.24,.24 tone=.75~.9
  poly leaf:crown 0,.5 ±.1,.74 ±.3,.8 ±.5,.5 ±.28,.6 tone=.85~1.1
  poly leaf:crown 0,.5 ±.02,.85 ±.16,1 ±.36,.9 ±.17,.78 tone=1~1.2
bush=plant .8~1.8 .5~1 .6 : leaf = leaves ; shadow .6 .6 ; puff leaf ±.25,.35 .26,.4 ; puff leaf 0,.5 .32,.5 tone=1.08
  oval petal -.4~.4,.2~.85 .05,.08 8 n=9 p=.5
rock=- .8~1.8 .4~.8 .6 : shadow .6 .6 ; puff stone 0,.35 .5,.5 .2
bench 1.9 .9 .46 : plank = wood ; shadow .55 .7 ; box iron ±.4:.44 0:.95 .87:1
  rect plank -.5:.5 .58:.69&.73:.84&.89:1 z=.87 ; box plank -.5:.5 .42:.49 0:.87 ; box iron ±.4:.44 0:.42 0:.13
streetlight=- 1 4.5~5.5 1 : globe = plain .95 .06 90 lit=.3 ; ?dark globe = plain .95 .06 90 lit=.9
  rect iron -.07:.07 0:1 ball=.6 ; limb iron 0,.99 .9m,1 .05w ; oval globe .9m,.98 .3,.14m ; ?dark glow .9m,.98 2.6 .7
parasol=- 2.4 2.4 1 : towel = cloth ; one = fabric .93 .13 90 ; two = fabric .6 .13 ; rect towel -.4:.3 -.5:.2 on=y
  rect wood -.015:.015 0:.85 ; poly one ±.5,.74 ±.25,.71 0,.74 0,1 ±.3,.92 ball=.5
  poly two ±.25,.715 0,.74 0,1 ±.2,.96 ball=.5
boat .8~1.5 : mirror ; hull = painted .4~.92 .02~.13 hue / painted / siding ; rim = plain .9 .03 hue+180
  sail = fabric .93 .02 hue print=.3 period=1.2 ; jib = fabric .88 .05 hue ; oval shade 0,-.3m 2.6,.8 on=y blur=.3m
  maybe sails .65 ; ?sails,-ashore rect wood -.06:.06 .5:6.2
  ?sails,-ashore poly sail -.15,1.1 -.15,6 -.9,3.4 -2.1,1.1 ball=.5
  ?sails,-ashore poly jib .15,1.2 .15,5.2 2,1 ball=.5 ; ?-sails rect painted -1:.5 .6:1.5
  poly hull -2.3,.75 -1.9,-.05 1.7,-.05 2.7,.95 2.4,.9 0,.68 fade=.2
  poly rim -2.3,.75 -2.27,.65 0,.58 2.55,.82 2.7,.95 0,.7
wheel=^ : oval tyre:wheel 0,.5 .5,.5 ; oval rim:wheel 0,.5 .31,.31 ball=.8 ; oval tyre:wheel 0,.5 .1,.1
body=^ : paint = metal .3|.6|.92 .01 250 / metal .4~.75 .07~.16 hue / metal .4~.75 .07~.16 hue ; seam = paint tone=.5
  pane = glass .35~.65 .03 240 ; rim = metal .72 .01 250 ; lens = plain .95 .05 95 lit=.4 ; red = plain .55 .2 28 lit=.3
car .95~1.05 : mirror ; with body ; shadow 2.2 .7 ; either saloon saloon van
  poly paint -2.1,.35 -2.15,.7 -2.05,1 .8,1.1 1.95,.8 2.12,.68 2.12,.35 fade=.15
  ?saloon poly paint -1.9,1 -1.15,1.42 -.2,1.48 .45,1.4 1.2,.9 ; ?van poly paint -2.05,1 -1.95,1.75 .75,1.8 1.5,.9
  rect paint:door -1.4:-.3&-.25:.85 .42:1 tone=1.04 fade=.1 ; rect seam:door -.31:-.29&.84:.86 .42:1
  rect seam:door -1.32:-1.12&-.17:.03 .84:.885 ; ?saloon poly pane:window -1.5,1 -1.08,1.35 -.35,1.39 -.35,1
  ?saloon poly pane:window -.25,1 -.25,1.4 .4,1.33 .9,.98 ; ?van rect pane:window -1.8:-.85&-.75:.1 1.12:1.65
  ?van poly pane:window .2,1.12 .2,1.65 .68,1.67 1.2,1.12 ; rect tyre -2.14:2.12 .3:.4
  round lens:headlight 1.86:2.1 .6:.74 .05w ; round red -2.13:-1.95 .66:.84 .04w ; oval tyre -1.32,.36&1.36,.36 .4,.4
  cells wheel -1.65:-.99&1.03:1.69 .01:.67
oncoming=car 1.76 1 3.9 : with body ; rect shade -.6:.6 -.05:1 on=y blur=.15m ; rect paint 0:1 .3:.95 on=x
  rect paint:door .33:.85 .4:.95 on=x tone=1.04 ; rect seam:door .59:.6 .4:.95 on=x
  poly paint .26,.95 .44,1.42 .82,1.42 .97,.95 on=x ; poly pane:window .32,.98 .46,1.34 .8,1.34 .9,.98 on=x
  cells wheel .1:.28&.7:.88 0:.66 on=x ; rect paint -.39:.39 .38:.82 on=y up=1.45 ; rect paint -.5:.5 0:.33 on=y up=.95
  round tyre:wheel ±.31:.46 0:.5 .08m ; poly paint -.48,.93 -.38,1.42 -.22,1.47 .22,1.47 .38,1.42 .48,.93 z=.23
  poly pane:window -.42,.95 -.33,1.38 -.2,1.43 .2,1.43 .33,1.38 .42,.95 z=.22
  round paint -.51:.51 .3:.97 .14m fade=.15 ; rect tyre -.28:.28 .42:.56 ; rect lens -.11:.11 .6:.7
  either going coming ; ?coming oval lens:headlight ±.38,.74 .08,.1 ; ?going oval red ±.38,.74 .08,.1
building 12 5.5~15 7~13 : wall = masonry ; cornice = roofing / roofing / metal .4~.6 .03 150~260
  trim = painted .35~.97 .03 ; rail = metal .3~.5 .02 250 / stone ; leaf = upright .35~.6 .03~.12 0~360 ; pane = glass
  ?dark pane = glass .35 .04 260 ; lit = glass .8~.9 .12 70~90 lit=.85 ; maybe balconies .45 ; box wall
  ?-flat cells facade 0:1 on=x ; cells facade
facade=^ : cells sash|sash|sash|gate -.5:.5 0:3m 2.7m,1 ; ?balconies cells balcony -.5:.5 3m:1 2.4m~3m,3.2m
  ?-balconies cells sash -.5:.5 3m:1 2.4m~3m,3.2m ; rect cornice:roof -.5:.5 1-.6m:1+.5m
sash=^ : rect trim -.25:.25 .2:.86 ; rect pane:window -.21:.21 .23:.83 ; rect lit:window -.21:.21 .23:.83 some=.03
  ?dark rect lit:window -.21:.21 .23:.83 some=.5 ; rect trim:window -.014:.014 .23:.83
  rect trim:window -.21:.21 .58:.61
balcony=^ : with sash ; rect rail:balcony -.33:.33 .08:.36
  rect rail:balcony ±.02:.05&±.1:.13&±.18:.21&±.26:.29 .12:.33 tone=.55
gate=^ : rect trim -.28:.28 0:.85 ; rect leaf:door -.23:.23 0:.8
house 4.5~7.5 2.8 1.5 : mirror ; wall = painted .7~.95 .02~.08 hue / brick / siding / blocks
  tiles = roofing / roofing / siding .35~.5 .04 60 ; trim = painted .85~.97 .02 hue
  leaf = upright .35~.65 .04~.13 hue+180 ; pane = glass ; ?dark pane = glass .85 .12 80 lit=.85
  let r .25~.39 q -.12~.12 ; shadow .55 .8 ; rect brick:chimney .2:.3 1:1.2+r z=.6 ; either gable hip
  ?gable poly wall -.5,0 .5,0 .5,1 0,1+r -.5,1 ; ?gable poly tiles:roof ±.55,.88 0,1+r 0,1.12+r ±.55,1.02
  ?hip rect wall ; ?hip rect shade -.5:.5 .8:.95 ; ?hip poly tiles:roof -.55,.95 .55,.95 .36,1+r -.36,1+r
  rect trim q-.55m:q+.55m 0:2.15m ; rect leaf:door q-.45m:q+.45m 0:2.05m ; oval metal:door q+.33m,1m .05m,.05m
  cells lattice -.33-.5m:-.33+.5m&.33-.5m:.33+.5m .95m:1.95m 1m,1m ; ?gable cells lattice -.45m:.45m 1-.1m:1+.8m 1m,1m
lattice=^ : rect trim -.6:.6 -.1:1.1 ; rect pane:window ; rect trim:window -.04:.04 0:1
  rect trim:window -.5:.5 .46:.54
"""

SCENES = """
room=- : side = painted .76~.96 .01~.08 ; back = side / feature ; board = painted .94 .012 90 / wood
  white = painted .96 .012 80 ; camera lamp 1.3~1.75 .34~.45 .85~1.15 ; object floor
  rect ground -.5:.5 .45m:1 on=y edge=.2 ; object ceiling ; rect white -.5:.5 .45m:1 on=y up=1 edge=.15 ; object wall
  rect side .45m:1 0:1 on=x at=-.5 edge=.2 ; object wall ; rect side .45m:1 0:1 on=x at=.5 edge=.2 ; object wall
  rect back z=1 edge=.2 ; rect board -.5:.5 0:.1m z=1
bedroom=- 3.6~5 2.4~2.7 4.2~5.2 : mirror ; ground = planks / planks / carpet ; feature = brick / planks ; with room
  draw fitting -.5+.8m&.5-.8m 1-.01m ; draw painting -.1~.1 1-.01m 1.4m p=.6 ; draw rug -.1~.1 1-2.9m w=2.2~2.9 p=.7
  put bed -.12~.12 1-2.1m ; put cabinet -.5+.31m 1-3.2m w=.6 d=1.1 h=.9|2 p=.6 ; put chair .2~.35 1.8m~2.4m p=.5
  put potted .5-.35m 1-.7m p=.4 ; put person .3~.4 1-2m~1-1m p=.15
living_room=- 4.2~6 2.5~2.9 4.2~5.4 : mirror ; ground = planks / planks / carpet / tile / stone
  feature = brick / planks / blocks ; with room ; draw fitting -.5+.9m&0&.5-.9m 1-.01m as=window|painting
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
street=- : camera sun 1.6~3.4 .46~.6 .8~1.15 ; let a 3.2~5 b 1.8~3 ; forest = woods ; paving = blocks .62~.8 .025 40~100
  kerb = stone .78 .01 80 ; white = plain .94 .02 92 ; tar = asphalt ; object tree
  ridge forest -400:400 -2:10~25 .7 z=300 ; object road ; rect tar -300:300 .5:350 on=y ; object sidewalk
  rect paving a:a+90&-a-90:-a .5:200 on=y ; rect kerb a:a+.22&-a-.22:-a .5:200 on=y ; object road
  rect white -.08:.08 2:4.4&7:9.4&12:14.4&17:19.4&22:24.4&27:29.4&33:36&42:45&55:60 on=y
  cells stripe -a+.3:a-.3 6:8.5 1,9 on=y p=.35
  put building ±a+b+6 2~5:11&11:22&22.5:31&31:42&42:50&51:62&62:74&74:85 p=.9 ; maybe planted .7
  ?planted put tree|tree|streetlight ±a+.8 6~9&14~18&24~28&34~38&46~50 h=3.5~5
  put oncoming a-1.3|1.3-a 5~9&10~18&20~32 p=.6 ; put car -1.5~1.5 7~16 p=.5
  put person a+.4~a+b-.3|-a-b+.3~-a-.4|-3~3 4.5~20 n=1~7
stripe=^ : rect white -.25:.25 0:1
meadow=- : object grass ; rect grass -300:300 .5:350 on=y ; oval petal -5~5,2.5~13 .035,.06 6 on=y n=1|40|70
village=- : camera sun 1.8~3.5 .38~.54 .9~1.25 ; far = woods ; object mountain
  ridge far -500:500 -2:25~60 .7 z=350 tone=1.15 ; object mountain ; ridge far -400:400 -2:10~22 .7 z=220 ; with meadow
  lane = gravel ; object road ; let a -2~2 b -6~6
  poly lane -1.5,.6 1.5,.6 a+2,9 b+2,22 b+3,120 b-3,120 b-2,22 a-2,9 on=y
  put house ±5.5~7.5 9~14&22~28&38~44&56~64 p=.9 ; put tree|tree|fir ±.2z~.5z 7~60 n=2~5 ; put bush ±2.5~5 5~20 n=1~4
  put person -.25z~.25z 4.5~15 n=0~4 ; put dog -.3z~.3z 4.5~9 p=.4 ; put car -3~3 8~16 p=.35
park=- : camera sun 1.5~2.4 .4~.55 .9~1.25 ; forest = woods ; way = gravel / gravel / brick ; maybe town .5
  ?town put building -90&-70&-52&-35&-18&0&19&36&52&71&90 90~93 w=9~14 h=10~26 d=2 as=flat ; object tree
  ridge forest -200:200 -1:5~9 .6 z=85 ; with meadow ; object sidewalk ; let a -3~3 b -5~5 c -12~12
  poly way a-1.2,.6 a+1.2,.6 a+1.3,5 b+1.3,12 b+1.5,20 c+1.5,60 c-1.5,60 b-1.5,20 b-1.3,12 a-1.3,5 on=y
  put tree|tree|fir -.75z~-1.2|1.2~.75z 6~45 n=5~10 ; put bench -.45z~-.05z|.05z~.45z 4~9 n=1~4
  put person -.5z~.5z 3.5~18 n=1~5 ; put dog -.4z~.4z 3.8~8 p=.5 ; put bush -.6z~.6z 4~14 n=1~5
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
